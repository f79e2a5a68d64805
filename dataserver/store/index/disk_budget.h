#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/disk/disk.h"
#include "dataserver/store/index/store_ledger.h"
#include "dataserver/store/segments/store_rules.h"

namespace convergia::dataserver {

// Decides how much may be written within the capacity. It holds a reserve, a file of zeros. Deletes
// and compaction release it when they need room on a full disk; it is taken back later.
//
// Thread-safe.
class DiskBudget {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    const StoreLedger* ledger = nullptr;
    std::string dir;           // The free space of its file system counts.
    std::string reserve_path;  // Its folder must exist.
    uint64_t reserve_bytes = 0;
    uint64_t index_bytes = 0;  // The index may grow by this between two checks.
  };
  explicit DiskBudget(const Options& options) : options_(options) {}

  // Takes effect at once. A capacity above the size of the disk counts as that size.
  void SetCapacity(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether records of `bytes` may be written. Takes the reserve back if there is room.
  //
  // Errors: FailCode::kNoSpace; those of the disk.
  absl::Status Admit(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Release the reserve if it is held, or take it back if there is room. Not two threads at the
  // same time: only the writer calls them, for all others.
  absl::Status ReleaseReserve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TakeReserve() ABSL_LOCKS_EXCLUDED(mu_);

  // The present state of the space, for AdmissibleBytes() and MayTakeReserve().
  absl::StatusOr<SpaceView> View() const ABSL_LOCKS_EXCLUDED(mu_);

  // The bytes that compaction may write.
  absl::StatusOr<uint64_t> RoomForCompaction() const;

 private:
  const Options options_;
  mutable absl::Mutex mu_;
  uint64_t capacity_ ABSL_GUARDED_BY(mu_) = ~uint64_t{0};
  bool held_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::dataserver
