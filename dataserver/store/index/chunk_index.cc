#include "dataserver/store/index/chunk_index.h"

#include <glog/logging.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/disk/rocks_env.h"

namespace convergia::dataserver {
namespace {

// A key is one letter and big-endian numbers, so keys sort like the numbers.
constexpr char kChunks = 'c';
constexpr char kBad = 'b';
constexpr char kSegments = 's';
constexpr absl::string_view kFormatKey = "mformat";
constexpr absl::string_view kFormat = "convergia chunk index 1";
constexpr absl::string_view kScrubKey = "mscrub";

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

void PutBig(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t TakeBig(absl::string_view* bytes) {
  CHECK_GE(bytes->size(), 8);
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  bytes->remove_prefix(8);
  return value;
}

std::string KeyOf(char kind, const ChunkKey& key) {
  std::string bytes(1, kind);
  PutBig(key.volume, &bytes);
  PutBig(key.chunk, &bytes);
  return bytes;
}

std::string KeyOf(SegmentId segment) {
  std::string bytes(1, kSegments);
  PutBig(segment, &bytes);
  return bytes;
}

// The first key after all chunks of `volume`.
std::string EndOf(char kind, uint64_t volume) {
  if (volume == ~uint64_t{0}) return std::string(1, static_cast<char>(kind + 1));
  return KeyOf(kind, ChunkKey{volume + 1, 0});
}

ChunkKey TakeChunkKey(absl::string_view bytes) {
  bytes.remove_prefix(1);
  const uint64_t volume = TakeBig(&bytes);
  return ChunkKey{volume, TakeBig(&bytes)};
}

std::string Encode(const ChunkRow& row) {
  std::string bytes(1, static_cast<char>(row.kind));
  for (const uint64_t number :
       {row.segment, row.offset, uint64_t{row.length}, row.sequence, row.checksum}) {
    PutBig(number, &bytes);
  }
  return bytes;
}

absl::StatusOr<ChunkRow> DecodeChunkRow(absl::string_view bytes) {
  if (bytes.size() != 41) return absl::DataLossError("a chunk's row in the index is damaged");
  ChunkRow row;
  row.kind = static_cast<RecordKind>(bytes[0]);
  bytes.remove_prefix(1);
  row.segment = TakeBig(&bytes);
  row.offset = TakeBig(&bytes);
  row.length = static_cast<uint32_t>(TakeBig(&bytes));
  row.sequence = TakeBig(&bytes);
  row.checksum = TakeBig(&bytes);
  return row;
}

std::string Encode(const SegmentRow& row) {
  std::string bytes;
  for (const uint64_t number :
       {row.volume, row.salt, row.indexed_to, row.first_chunk_sequence, row.last_sequence}) {
    PutBig(number, &bytes);
  }
  return bytes;
}

absl::StatusOr<SegmentRow> DecodeSegmentRow(absl::string_view bytes) {
  if (bytes.size() != 40) return absl::DataLossError("a segment's row in the index is damaged");
  SegmentRow row;
  row.volume = TakeBig(&bytes);
  row.salt = TakeBig(&bytes);
  row.indexed_to = TakeBig(&bytes);
  row.first_chunk_sequence = TakeBig(&bytes);
  row.last_sequence = TakeBig(&bytes);
  return row;
}

absl::Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("the chunk index: ", status.ToString());
  if (status.IsNoSpace()) return Fail(FailCode::kNoSpace, text);
  if (status.IsCorruption() || status.IsInvalidArgument()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

// By default RocksDB retries on a full disk by itself and refuses Resume() meanwhile. The store
// makes room itself and calls Resume() then, so this listener turns the retries off.
class ResumesOnlyWhenTold final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* recovers_by_itself) override {
    *recovers_by_itself = false;
  }
};

rocksdb::Options DatabaseOptions(const ChunkIndex::Options& options, rocksdb::Env* env) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(16 * 1024 * 1024);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options db;
  db.env = env;
  db.create_if_missing = true;
  db.write_buffer_size = options.write_buffer_bytes;
  db.max_write_buffer_number = 3;
  db.target_file_size_base = 2 * options.write_buffer_bytes;
  db.max_bytes_for_level_base = 8 * options.write_buffer_bytes;
  db.max_total_wal_size = 2 * options.write_buffer_bytes;
  db.max_open_files = 128;
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // Recover the longest consistent prefix of the log; the segments have the rest.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.listeners.push_back(std::make_shared<ResumesOnlyWhenTold>());
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

}  // namespace

ChunkIndex::Batch::Batch() : writes_(std::make_unique<rocksdb::WriteBatch>()) {}
ChunkIndex::Batch::Batch(Batch&&) noexcept = default;
ChunkIndex::Batch& ChunkIndex::Batch::operator=(Batch&&) noexcept = default;
ChunkIndex::Batch::~Batch() = default;

void ChunkIndex::Batch::PutChunk(const ChunkKey& key, const ChunkRow& row) {
  writes_->Put(KeyOf(kChunks, key), Encode(row));
}
void ChunkIndex::Batch::RemoveChunk(const ChunkKey& key) { writes_->Delete(KeyOf(kChunks, key)); }
void ChunkIndex::Batch::PutSegment(SegmentId segment, const SegmentRow& row) {
  writes_->Put(KeyOf(segment), Encode(row));
}
void ChunkIndex::Batch::RemoveSegment(SegmentId segment) { writes_->Delete(KeyOf(segment)); }
void ChunkIndex::Batch::RemoveVolume(uint64_t volume) {
  for (const char kind : {kChunks, kBad}) {
    writes_->DeleteRange(KeyOf(kind, ChunkKey{volume, 0}), EndOf(kind, volume));
  }
}
void ChunkIndex::Batch::MarkBad(const ChunkKey& key, absl::string_view reason) {
  writes_->Put(KeyOf(kBad, key), ToSlice(reason));
}
void ChunkIndex::Batch::ClearBad(const ChunkKey& key) { writes_->Delete(KeyOf(kBad, key)); }
void ChunkIndex::Batch::PutScrubPosition(const ChunkKey& next) {
  writes_->Put(ToSlice(kScrubKey), KeyOf(kChunks, next));
}

ChunkIndex::ChunkIndex(std::unique_ptr<rocksdb::Env> env, std::unique_ptr<rocksdb::DB> db)
    : env_(std::move(env)), db_(std::move(db)) {}

ChunkIndex::~ChunkIndex() = default;

absl::StatusOr<std::unique_ptr<ChunkIndex>> ChunkIndex::Open(const Options& options) {
  std::unique_ptr<rocksdb::Env> env = disk::MakeRocksEnv(*options.disk);
  rocksdb::DB* raw = nullptr;
  CVG_RETURN_IF_ERROR(
      ToStatus(rocksdb::DB::Open(DatabaseOptions(options, env.get()), options.dir, &raw)));
  std::unique_ptr<ChunkIndex> index(
      new ChunkIndex(std::move(env), std::unique_ptr<rocksdb::DB>(raw)));
  CVG_RETURN_IF_ERROR(index->CheckFormat());
  return index;
}

absl::Status ChunkIndex::Wipe(const Options& options) {
  CVG_RETURN_IF_ERROR(disk::RemoveTree(*options.disk, options.dir));
  return options.disk->SyncFolder(disk::FolderOf(options.dir));
}

absl::Status ChunkIndex::CheckFormat() {
  std::string format;
  const rocksdb::Status read = db_->Get({}, ToSlice(kFormatKey), &format);
  if (read.IsNotFound()) return ToStatus(db_->Put({}, ToSlice(kFormatKey), ToSlice(kFormat)));
  CVG_RETURN_IF_ERROR(ToStatus(read));
  return format == kFormat ? absl::OkStatus()
                           : absl::DataLossError("the chunk index has another format");
}

absl::Status ChunkIndex::Write(Batch batch) {
  return ToStatus(db_->Write(rocksdb::WriteOptions(), batch.writes_.get()));
}

absl::Status ChunkIndex::WriteDurably(Batch batch) {
  rocksdb::WriteOptions how;
  how.sync = true;
  return ToStatus(db_->Write(how, batch.writes_.get()));
}

absl::Status ChunkIndex::Sync() { return ToStatus(db_->FlushWAL(/*sync=*/true)); }

absl::Status ChunkIndex::Resume() { return ToStatus(db_->Resume()); }

absl::StatusOr<std::optional<ChunkRow>> ChunkIndex::Find(const ChunkKey& key) const {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status read =
      db_->Get({}, db_->DefaultColumnFamily(), KeyOf(kChunks, key), &bytes);
  if (read.IsNotFound()) return std::nullopt;
  CVG_RETURN_IF_ERROR(ToStatus(read));
  CVG_ASSIGN_OR_RETURN(const ChunkRow row, DecodeChunkRow(ToView(bytes)));
  return row;
}

absl::Status ChunkIndex::ForEach(
    absl::string_view begin, absl::string_view end,
    const std::function<bool(absl::string_view, absl::string_view)>& row) const {
  const rocksdb::Slice upper_bound = ToSlice(end);
  rocksdb::ReadOptions how;
  how.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(how));
  for (it->Seek(ToSlice(begin)); it->Valid(); it->Next()) {
    if (!row(ToView(it->key()), ToView(it->value()))) break;
  }
  return ToStatus(it->status());
}

absl::StatusOr<std::vector<std::pair<ChunkKey, ChunkRow>>> ChunkIndex::List(
    const ChunkKey& from, size_t rows_max, std::optional<uint64_t> volume) const {
  std::vector<std::pair<ChunkKey, ChunkRow>> rows;
  absl::Status bad;
  const std::string end =
      volume.has_value() ? EndOf(kChunks, *volume) : std::string(1, kChunks + 1);
  const auto add = [&](absl::string_view key, absl::string_view value) {
    absl::StatusOr<ChunkRow> row = DecodeChunkRow(value);
    bad = row.status();
    if (!bad.ok()) return false;
    rows.emplace_back(TakeChunkKey(key), *row);
    return rows.size() < rows_max;
  };
  CVG_RETURN_IF_ERROR(ForEach(KeyOf(kChunks, from), end, add));
  CVG_RETURN_IF_ERROR(bad);
  return rows;
}

absl::StatusOr<std::vector<std::pair<SegmentId, SegmentRow>>> ChunkIndex::Segments() const {
  std::vector<std::pair<SegmentId, SegmentRow>> rows;
  absl::Status bad;
  const auto add = [&](absl::string_view key, absl::string_view value) {
    key.remove_prefix(1);
    absl::StatusOr<SegmentRow> row = DecodeSegmentRow(value);
    bad = row.status();
    if (bad.ok()) rows.emplace_back(TakeBig(&key), *row);
    return bad.ok();
  };
  CVG_RETURN_IF_ERROR(ForEach(std::string(1, kSegments), std::string(1, kSegments + 1), add));
  CVG_RETURN_IF_ERROR(bad);
  return rows;
}

absl::StatusOr<std::vector<std::pair<ChunkKey, std::string>>> ChunkIndex::BadMarks() const {
  std::vector<std::pair<ChunkKey, std::string>> marks;
  const auto add = [&](absl::string_view key, absl::string_view reason) {
    marks.emplace_back(TakeChunkKey(key), std::string(reason));
    return true;
  };
  CVG_RETURN_IF_ERROR(ForEach(std::string(1, kBad), std::string(1, kBad + 1), add));
  return marks;
}

absl::StatusOr<ChunkKey> ChunkIndex::ScrubPosition() const {
  std::string bytes;
  const rocksdb::Status read = db_->Get({}, ToSlice(kScrubKey), &bytes);
  if (read.IsNotFound()) return ChunkKey{};
  CVG_RETURN_IF_ERROR(ToStatus(read));
  return TakeChunkKey(bytes);
}

}  // namespace convergia::dataserver
