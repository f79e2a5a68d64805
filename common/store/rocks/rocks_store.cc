#include "common/store/rocks/rocks_store.h"

#include <glog/logging.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/disk/disk.h"
#include "common/disk/real_disk.h"
#include "common/disk/rocks_env.h"
#include "common/store/commit_rules.h"
#include "common/store/rocks/rocks_format.h"

namespace convergia::store {
namespace {

// Trimming costs a range tombstone, so it is done for some revisions at once.
constexpr Revision kTrimRevisions = 256;
// More than RocksDB writes when it opens a database, but for what its log holds.
constexpr size_t kProbeBytes = 256 * 1024;

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("the store's disk: ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsInvalidArgument()) return absl::InternalError(text);
  if (status.IsNoSpace()) return Fail(FailCode::kNoSpace, text);
  return absl::UnavailableError(text);
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& dir) {
  const std::string text = status.ToString();
  if (status.IsIOError() && absl::StrContains(text, "LOCK")) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", dir,
                     " is already open: another process (or this one) uses it. End that one, or "
                     "give this one a directory of its own"));
  }
  if (status.IsInvalidArgument()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the directory ", dir, " holds something other than our store: ", text));
  }
  return ToStatus(status);
}

// With those above it. Each name is durable: a store that is lost with its folder acknowledged
// nothing.
absl::Status MakeDirectory(const std::string& dir, disk::Disk& disk) {
  if (dir.empty()) return absl::InvalidArgumentError("the store needs a directory");
  absl::Status made = disk.MakeFolder(dir);
  const std::string above = disk::FolderOf(dir);
  if (absl::IsNotFound(made) && above != dir) {
    CVG_RETURN_IF_ERROR(MakeDirectory(above, disk));
    made = disk.MakeFolder(dir);
  }
  if (!made.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the store's directory ", dir, " cannot be made: ", made.message()));
  }
  return disk.SyncFolder(above);
}

rocksdb::DBOptions DatabaseOptions(const RocksStore::Options& options, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  if (env != nullptr) db.env = env;
  // A damaged record in the middle is reported; the default would silently drop all after it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.max_total_wal_size = 4 * options.write_buffer_bytes;
  db.keep_log_file_num = 4;
  db.max_log_file_size = 1024 * 1024;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksStore::Options& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(
      rocksdb::NewBloomFilterPolicy(10));  // Guards often ask for absent keys.
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = options.write_buffer_bytes;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

// Ownership of what RocksDB hands out, so that no path forgets to give it back.
class ScopedSnapshot {
 public:
  explicit ScopedSnapshot(rocksdb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ScopedSnapshot(const ScopedSnapshot&) = delete;
  ~ScopedSnapshot() { db_->ReleaseSnapshot(snapshot_); }
  rocksdb::ReadOptions options() const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    return options;
  }

 private:
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
};

absl::StatusOr<std::optional<KeyValue>> ReadRow(rocksdb::DB* db, const rocksdb::ReadOptions& how,
                                                rocksdb::ColumnFamilyHandle* rows,
                                                absl::string_view key) {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status read = db->Get(how, rows, ToSlice(key), &bytes);
  if (read.IsNotFound()) return std::nullopt;
  CVG_RETURN_IF_ERROR(ToStatus(read));
  CVG_ASSIGN_OR_RETURN(KeyValue row, rocks_format::DecodeRow(key, ToView(bytes)));
  return row;
}

absl::StatusOr<Revision> ReadRevision(rocksdb::DB* db, const rocksdb::ReadOptions& how,
                                      rocksdb::ColumnFamilyHandle* meta) {
  std::string bytes;
  const rocksdb::Status read = db->Get(how, meta, ToSlice(rocks_format::kRevisionKey), &bytes);
  if (read.IsNotFound()) return 0;
  CVG_RETURN_IF_ERROR(ToStatus(read));
  return rocks_format::DecodeRevision(bytes);
}

// Debian's RocksDB is built with assertions, and one of them ends the process when a write fails
// while a database is opened. So a full disk, or a limit on the size of files, is found here first.
absl::Status SeeThatFilesCanGrow(const std::string& dir) {
  const std::string path = dir + "/probe";
  disk::Disk& disk = disk::RealDisk();
  absl::StatusOr<std::unique_ptr<disk::File>> file = disk.Open(path, disk::OpenMode::kCreateEmpty);
  CVG_RETURN_IF_ERROR(file.status());
  const std::string zeros(kProbeBytes, '\0');
  const absl::Status written = (*file)->Append({zeros});
  (void)disk.Remove(path);
  if (written.ok()) return written;
  return absl::Status(written.code(), absl::StrCat("the store cannot be opened: it cannot write: ",
                                                   written.message(), "; make room"));
}

}  // namespace

class RocksStore::RocksSnapshot final : public Snapshot {
 public:
  RocksSnapshot(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* meta,
                rocksdb::ColumnFamilyHandle* rows)
      : db_(db),
        rows_(rows),
        snapshot_(db),
        revision_(ReadRevision(db, snapshot_.options(), meta)) {}

  Revision revision() const override { return revision_.ok() ? *revision_ : 0; }

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override {
    CVG_RETURN_IF_ERROR(revision_.status());
    return ReadRow(db_, snapshot_.options(), rows_, key);
  }

  absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end,
                            int limit) const override {
    if (limit < 1) return absl::InvalidArgumentError("a scan's limit must be at least 1");
    CVG_RETURN_IF_ERROR(revision_.status());
    const size_t rows_max = std::min(limit, limits::kStorePageRowsMax);
    rocksdb::ReadOptions how = snapshot_.options();
    const rocksdb::Slice upper_bound = ToSlice(end);
    if (!end.empty()) how.iterate_upper_bound = &upper_bound;
    Page page;
    page.revision = *revision_;
    size_t bytes = 0;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(how, rows_));
    for (it->Seek(ToSlice(begin)); it->Valid(); it->Next()) {
      if (page.rows.size() >= rows_max || bytes >= limits::kStorePageBytesMax) {
        page.next = it->key().ToString();
        break;
      }
      bytes += it->key().size() + it->value().size();
      CVG_ASSIGN_OR_RETURN(KeyValue row,
                           rocks_format::DecodeRow(ToView(it->key()), ToView(it->value())));
      page.rows.push_back(std::move(row));
    }
    CVG_RETURN_IF_ERROR(ToStatus(it->status()));
    if (page.next.empty()) CVG_RETURN_IF_ERROR(CheckEnd(*it, begin, page));
    return page;
  }

 private:
  // RocksDB 7.8 can end a scan early with status OK when the disk fails under it. So the last key
  // of the range, looked up from the other side, must be the last one that the scan gave.
  static absl::Status CheckEnd(rocksdb::Iterator& it, absl::string_view begin, const Page& page) {
    it.SeekToLast();
    CVG_RETURN_IF_ERROR(ToStatus(it.status()));
    const absl::string_view last = it.Valid() ? ToView(it.key()) : absl::string_view();
    const bool is_empty = !it.Valid() || last < begin;
    if (is_empty ? page.rows.empty() : !page.rows.empty() && page.rows.back().key == last) {
      return absl::OkStatus();
    }
    return absl::UnavailableError("the store's disk could not be read to the end of a scan");
  }

  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const rows_;
  const ScopedSnapshot snapshot_;
  const absl::StatusOr<Revision> revision_;
};

// One write in the making: batches are decided against the disk and against those before them.
class RocksStore::Group {
 public:
  explicit Group(RocksStore* store) : store_(store), revision_(store->revision_) {}

  absl::StatusOr<Revision> Add(const Batch& batch) {
    CVG_ASSIGN_OR_RETURN(const auto changes, DecideCommit(batch, [&](absl::string_view key) {
                           return VersionOf(key);
                         }));
    if (changes.empty()) return revision_;
    Record(MakeEvents(changes, revision_ + 1));
    return revision_;
  }

  // Adds what another store decided.
  absl::Status AddChanges(absl::string_view bytes) {
    CVG_ASSIGN_OR_RETURN(auto changes, rocks_format::DecodeChanges(bytes));
    for (std::vector<Event>& events : changes) {
      if (events.front().revision != revision_ + 1) {
        return absl::DataLossError(absl::StrCat("the log has revision ", events.front().revision,
                                                " where this store needs ", revision_ + 1));
      }
      Record(std::move(events));
    }
    return absl::OkStatus();
  }

  // Through the log, if there is one.
  absl::Status Commit() {
    if (events_.empty() || !store_->before_write_) return Write("");
    CVG_ASSIGN_OR_RETURN(const std::string mark,
                         store_->before_write_(rocks_format::EncodeChanges(events_)));
    return Write(mark);
  }

  absl::Status Write(absl::string_view mark) {
    if (events_.empty()) return absl::OkStatus();
    write_.Put(store_->meta_, ToSlice(rocks_format::kRevisionKey),
               rocks_format::EncodeRevision(revision_));
    if (!mark.empty()) {
      write_.Put(store_->meta_, ToSlice(rocks_format::kMarkKey), ToSlice(mark));
    }
    store_->TrimHistory(&write_);
    rocksdb::WriteOptions how;
    how.sync = true;
    CVG_RETURN_IF_ERROR(ToStatus(store_->db_->Write(how, &write_)));
    store_->revision_ = revision_;
    for (std::vector<Event>& events : events_) store_->hub_->Append(std::move(events));
    return absl::OkStatus();
  }

 private:
  // `events` are those of the next revision.
  void Record(std::vector<Event> events) {
    ++revision_;
    for (const Event& event : events) {
      if (event.kind == Mutation::Kind::kDelete) {
        write_.Delete(store_->rows_, event.key);
        versions_[event.key] = 0;
      } else {
        write_.Put(store_->rows_, event.key, rocks_format::EncodeRow(revision_, event.value));
        versions_[event.key] = revision_;
      }
    }
    write_.Put(store_->log_, rocks_format::EncodeRevision(revision_),
               rocks_format::EncodeEvents(events));
    events_.push_back(std::move(events));
  }

  absl::StatusOr<Revision> VersionOf(absl::string_view key) const {
    if (const auto it = versions_.find(key); it != versions_.end()) return it->second;
    rocksdb::PinnableSlice bytes;
    const rocksdb::Status read = store_->db_->Get({}, store_->rows_, ToSlice(key), &bytes);
    if (read.IsNotFound()) return 0;
    CVG_RETURN_IF_ERROR(ToStatus(read));
    return rocks_format::DecodeVersion(ToView(bytes));
  }

  RocksStore* const store_;
  Revision revision_;
  rocksdb::WriteBatch write_;
  absl::flat_hash_map<std::string, Revision> versions_;  // That this group changed; 0 is deleted.
  rocks_format::Changes events_;                         // Of each new revision.
};

RocksStore::RocksStore(const Options& options)
    : disk_(options.disk != nullptr ? options.disk : &disk::RealDisk()),
      dir_(options.dir),
      reserve_bytes_(options.reserve_bytes),
      on_fenced_(options.on_fenced),
      before_write_(options.log) {}

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const Options& options) {
  std::unique_ptr<RocksStore> store(new RocksStore(options));
  CVG_RETURN_IF_ERROR(MakeDirectory(options.dir, *store->disk_));
  if (options.disk == nullptr) CVG_RETURN_IF_ERROR(SeeThatFilesCanGrow(options.dir));
  CVG_RETURN_IF_ERROR(store->OpenDatabase(options));
  CVG_RETURN_IF_ERROR(store->LoadHistory(options.history));
  store->queue_ = std::make_unique<CommitQueue>(
      [store = store.get()](absl::Span<const Batch* const> batches,
                            std::vector<absl::StatusOr<Revision>>* outcomes) {
        return store->WriteGroup(batches, outcomes);
      },
      options.group_bytes);
  return store;
}

RocksStore::~RocksStore() {
  Stop();
  hub_.reset();
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : {meta_, rows_, log_}) {
    db_->DestroyColumnFamilyHandle(family);
  }
}

absl::Status RocksStore::OpenDatabase(const Options& options) {
  if (options.disk != nullptr) env_ = disk::MakeRocksEnv(*options.disk);
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  const rocksdb::ColumnFamilyOptions family = FamilyOptions(options, cache);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, family}, {"rows", family}, {"log", family}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(DatabaseOptions(options, env_.get()), options.dir, families, &handles, &db);
  if (!opened.ok()) return OpenError(opened, options.dir);
  db_.reset(db);
  meta_ = handles[0];
  rows_ = handles[1];
  log_ = handles[2];

  std::string format;
  const rocksdb::Status read = db_->Get({}, meta_, ToSlice(rocks_format::kFormatKey), &format);
  if (read.IsNotFound()) {
    rocksdb::WriteOptions how;
    how.sync = true;
    return ToStatus(
        db_->Put(how, meta_, ToSlice(rocks_format::kFormatKey), ToSlice(rocks_format::kFormat)));
  }
  CVG_RETURN_IF_ERROR(ToStatus(read));
  if (format == rocks_format::kFormat) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the store in ", options.dir,
                                                    " is of another version (", format,
                                                    "); run the program that wrote it"));
}

absl::Status RocksStore::LoadHistory(const HistoryBounds& bounds) {
  CVG_ASSIGN_OR_RETURN(revision_, ReadRevision(db_.get(), {}, meta_));
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, log_));
  log_first_ = revision_ + 1;
  Revision next = revision_ + 1;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    CVG_ASSIGN_OR_RETURN(const Revision revision, rocks_format::DecodeRevision(ToView(it->key())));
    if (hub_ == nullptr) {
      hub_ = std::make_unique<WatchHub>(bounds, revision);
      log_first_ = revision;
      next = revision;
    }
    // An iterator that meets a file it cannot read may go on behind it.
    if (revision != next++) break;
    CVG_ASSIGN_OR_RETURN(auto events, rocks_format::DecodeEvents(revision, ToView(it->value())));
    hub_->Append(std::move(events));
  }
  CVG_RETURN_IF_ERROR(ToStatus(it->status()));
  if (hub_ == nullptr) hub_ = std::make_unique<WatchHub>(bounds, revision_ + 1);
  if (next == revision_ + 1) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the store's log has no revision ", next - 1, ", but ",
                                          revision_, " is its last"));
}

absl::StatusOr<std::optional<KeyValue>> RocksStore::Get(absl::string_view key) const {
  return ReadRow(db_.get(), {}, rows_, key);
}

std::unique_ptr<Snapshot> RocksStore::TakeSnapshot() const {
  return std::make_unique<RocksSnapshot>(db_.get(), meta_, rows_);
}

void RocksStore::CommitAsync(Batch batch, CommitCallback done) {
  if (absl::Status room = SeeToRoom(); !room.ok()) return done(std::move(room));
  queue_->Add(std::move(batch), std::move(done));
}

absl::StatusOr<std::unique_ptr<Watcher>> RocksStore::Watch(absl::string_view prefix,
                                                           Revision from_revision,
                                                           WatchCallback callback) {
  return hub_->Watch(prefix, from_revision, std::move(callback));
}

void RocksStore::Stop() {
  if (queue_ != nullptr) queue_->Stop();
}

absl::Status RocksStore::WriteGroup(absl::Span<const Batch* const> batches,
                                    std::vector<absl::StatusOr<Revision>>* outcomes) {
  Group group(this);
  for (const Batch* batch : batches) outcomes->push_back(group.Add(*batch));
  const absl::Status written = group.Commit();
  if (!written.ok() && on_fenced_) on_fenced_(written);
  return written;
}

absl::StatusOr<std::string> RocksStore::ReadMark() const {
  std::string mark;
  const rocksdb::Status read = db_->Get({}, meta_, ToSlice(rocks_format::kMarkKey), &mark);
  if (!read.IsNotFound()) CVG_RETURN_IF_ERROR(ToStatus(read));
  return mark;
}

absl::Status RocksStore::Apply(absl::Span<const std::string> changes, absl::string_view mark) {
  CVG_RETURN_IF_ERROR(SeeToRoom());
  Group group(this);
  for (const std::string& bytes : changes) CVG_RETURN_IF_ERROR(group.AddChanges(bytes));
  return group.Write(mark);
}

absl::Status RocksStore::SeeToRoom() const {
  const absl::StatusOr<disk::Space> space = disk_->FreeSpace(dir_);
  if (!space.ok() || space->free_bytes >= reserve_bytes_) return absl::OkStatus();
  LOG_EVERY_N(WARNING, 1000) << "no commits: the disk of " << dir_ << " has only "
                             << space->free_bytes << " bytes free";
  return Fail(FailCode::kNoSpace,
              absl::StrCat("the disk of this server's store is nearly full: less than ",
                           reserve_bytes_ >> 20, " MiB are free; an operator must make room"));
}

void RocksStore::TrimHistory(rocksdb::WriteBatch* write) {
  const Revision keep = hub_->first_kept();
  if (keep < log_first_ + kTrimRevisions) return;
  write->DeleteRange(log_, rocks_format::EncodeRevision(log_first_),
                     rocks_format::EncodeRevision(keep));
  log_first_ = keep;
}

}  // namespace convergia::store
