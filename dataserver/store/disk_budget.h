#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/disk/disk.h"
#include "dataserver/store/store_ledger.h"
#include "dataserver/store/store_rules.h"

namespace convergia::dataserver {

// Keeps the promise of capacity: says what still fits, and holds back a file of zeros, the reserve,
// that is given up when deletes or compaction need room on a full disk and taken back afterwards.
//
// Thread-safe.
class DiskBudget {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    const StoreLedger* ledger = nullptr;
    std::string dir;           // For the free space of its file system.
    std::string reserve_path;  // In a folder that is there.
    uint64_t reserve_bytes = 0;
    uint64_t index_bytes = 0;  // How much the index may grow between two looks.
  };
  explicit DiskBudget(const Options& options) : options_(options) {}

  // In force at once. More than the disk has is no error: the disk decides then.
  void SetCapacity(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether records of `bytes` may be written.
  //
  // Errors: FailCode::kNoSpace; those of the disk.
  absl::Status Admit(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Gives the reserve up, if it is held; takes it back, if there is room. Not at the same time from
  // two threads: the writer takes and gives, and all others ask it to.
  absl::Status ReleaseReserve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TakeReserve() ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<SpaceView> View() const ABSL_LOCKS_EXCLUDED(mu_);

  // What compaction may write.
  absl::StatusOr<uint64_t> RoomForCompaction() const;

 private:
  const Options options_;
  mutable absl::Mutex mu_;
  uint64_t capacity_ ABSL_GUARDED_BY(mu_) = ~uint64_t{0};
  bool held_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::dataserver
