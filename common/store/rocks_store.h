#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/store/commit_queue.h"
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

// A store in one directory, on RocksDB. One process at a time; what it acknowledged survives
// kill -9 and a power cut, since every commit is in a synced write before it is answered. One
// thread commits: all that wait go into one write and one sync.
//
// A disk that is nearly full takes no commits (FailCode::kNoSpace; nothing was done), so that what
// is in memory can still be written out; they go on by themselves once there is room.
//
// After a failed write nothing can be trusted but a fresh look at the disk: commits are refused
// (FENCED) until the store is opened anew, and reads go on.
//
// Snapshots and watches end before their store.
class RocksStore final : public Store {
 public:
  struct Options {
    std::string dir;  // Created, readable by its owner only, if it is not there.
    size_t block_cache_bytes = 32 * 1024 * 1024;
    size_t write_buffer_bytes = 16 * 1024 * 1024;
    HistoryBounds history;
    disk::Disk* disk = nullptr;  // Tests put a failing one here; null is the machine's.
    // What must be free for a commit: room for what is in memory, and for a log.
    uint64_t reserve_bytes = 64 * 1024 * 1024;
    // Called once, on the commit thread, when the store is about to be FENCED. May be null.
    std::function<void(const absl::Status& why)> on_fenced;
  };

  // Errors: kFailedPrecondition if another process has it open or the directory holds something
  // else; kDataLoss if what is there is damaged; kUnavailable if the disk does not let us.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const Options& options);
  ~RocksStore() override;  // Stop().

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override;
  std::unique_ptr<Snapshot> TakeSnapshot() const override;
  void CommitAsync(Batch batch, CommitCallback done) override;
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override;
  void Stop() override;

 private:
  class RocksSnapshot;
  class Group;

  explicit RocksStore(const Options& options);
  absl::Status OpenDatabase(const Options& options);
  absl::Status LoadHistory(const HistoryBounds& bounds);
  // The commit thread's work: decides the batches one after the other, writes them as one.
  absl::Status WriteGroup(absl::Span<const Batch* const> batches,
                          std::vector<absl::StatusOr<Revision>>* outcomes);
  void TrimHistory(rocksdb::WriteBatch* write);
  // Whether commits may go on. Errors: FailCode::kNoSpace.
  absl::Status SeeToRoom() const;

  // Constant after Open().
  disk::Disk* const disk_;
  const std::string dir_;
  const uint64_t reserve_bytes_;
  const std::function<void(const absl::Status&)> on_fenced_;
  std::unique_ptr<rocksdb::Env> env_;  // Null: the machine's.
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* rows_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  std::unique_ptr<WatchHub> hub_;

  // The commit thread's own.
  Revision revision_ = 0;   // Of the last commit on disk.
  Revision log_first_ = 1;  // The oldest revision in `log_`.

  std::unique_ptr<CommitQueue> queue_;  // Last: its thread uses all of the above.
};

}  // namespace convergia::store
