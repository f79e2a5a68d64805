#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/store/rocks/commit_queue.h"
#include "common/store/store.h"
#include "common/store/watch_hub.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Iterator;
class WriteBatch;
}  // namespace rocksdb

namespace convergia::disk {
class Disk;
}  // namespace convergia::disk

namespace convergia::store {

// A store in one directory, on RocksDB, for one process at a time. Acknowledged commits survive
// kill -9 and power cuts, because every commit is in a synced write before it is answered. One
// thread commits: all that wait go into one write and one sync.
//
// A nearly full disk accepts no commits (FailCode::kNoSpace; nothing was applied), so that RocksDB
// can still write out its memory. Commits succeed again once there is room.
//
// After a failed write only a fresh look at the disk can be trusted: commits are refused (FENCED)
// until the store is opened again; reads continue.
//
// Destroy snapshots and watches before their store.
class RocksStore final : public Store {
 public:
  struct Options {
    std::string dir;  // Created, readable by its owner only, if it is not there.
    size_t block_cache_bytes = 32 * 1024 * 1024;
    size_t write_buffer_bytes = 16 * 1024 * 1024;
    HistoryBounds history;
    disk::Disk* disk = nullptr;  // Null: the machine's. Tests pass a failing one.
    // Bytes that must be free for a commit: room for RocksDB's memory and for a log.
    uint64_t reserve_bytes = 64 * 1024 * 1024;
    // Called once, on the commit thread, when the store is about to be FENCED. May be null.
    std::function<void(const absl::Status& why)> on_fenced;
    // For a store that follows a log; may be null. Called on the commit thread before each write,
    // with the changes (rocks_format::EncodeChanges()). It makes them durable in the log, and
    // returns the mark that is written with them: the place in the log. After an error nothing is
    // written, and the store is FENCED. kFailedPrecondition says that the changes are not in the
    // log, any other error that they may be.
    std::function<absl::StatusOr<std::string>(absl::string_view changes)> log;
    size_t group_bytes = CommitQueue::kGroupBytes;  // About the most changes of one write.
  };

  // Errors: kFailedPrecondition if another process has it open or the directory holds something
  // else; kDataLoss if the store is damaged; kUnavailable if the disk cannot be read or written.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const Options& options);
  ~RocksStore() override;  // Stop().

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override;
  std::unique_ptr<Snapshot> TakeSnapshot() const override;
  void CommitAsync(Batch batch, CommitCallback done) override;
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override;
  void Stop() override;

  // The mark that was written last; "" if there is none.
  //
  // Errors: as Get().
  absl::StatusOr<std::string> ReadMark() const;

  // Applies `changes`, each as Options::log was given them in another store, in one synced write
  // with `mark`. Watches see the events. Call it from one thread at a time, and never while a
  // commit may come.
  //
  // Errors: kDataLoss if the changes are not those after this store's revision; FailCode::kNoSpace
  // if the disk is nearly full; those of the disk. After each nothing was applied, except that a
  // failed write may be found applied when the store is opened again; do not go on after one.
  absl::Status Apply(absl::Span<const std::string> changes, absl::string_view mark);

 private:
  class RocksSnapshot;
  class Group;

  explicit RocksStore(const Options& options);
  absl::Status OpenDatabase(const Options& options);
  absl::Status LoadHistory(const HistoryBounds& bounds);
  // Runs on the commit thread: decides the batches one after the other, writes them as one.
  absl::Status WriteGroup(absl::Span<const Batch* const> batches,
                          std::vector<absl::StatusOr<Revision>>* outcomes);
  void TrimHistory(rocksdb::WriteBatch* write);
  // OK if there is room for a commit. Errors: FailCode::kNoSpace.
  absl::Status SeeToRoom() const;

  // Constant after Open().
  disk::Disk* const disk_;
  const std::string dir_;
  const uint64_t reserve_bytes_;
  const std::function<void(const absl::Status&)> on_fenced_;
  const std::function<absl::StatusOr<std::string>(absl::string_view)> before_write_;
  std::unique_ptr<rocksdb::Env> env_;  // Null: the machine's.
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* rows_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  std::unique_ptr<WatchHub> hub_;

  // The commit thread's own, or that of Apply().
  Revision revision_ = 0;   // Of the last commit on disk.
  Revision log_first_ = 1;  // The oldest revision in `log_`.

  std::unique_ptr<CommitQueue> queue_;  // Last: its thread uses all of the above.
};

}  // namespace convergia::store
