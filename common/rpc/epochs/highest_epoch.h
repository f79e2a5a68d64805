#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/disk/disk.h"

namespace convergia::rpc {

// The highest epoch that this node has seen of a server of which only one may act: mgmt or datamgr.
// One small file keeps it across restarts and power cuts. A later start has replaced a process of a
// lower epoch, even if that process does not know it yet. Its messages no longer count.
//
// Thread-safe. Admit() writes to the disk only when the epoch rises, or when an earlier write has
// failed. All calls wait while one of them writes.
class HighestEpoch {
 public:
  // Reads the file at `path`; a missing file means epoch 0. `disk` must outlive this. `server` is
  // "mgmt" or "datamgr", for error texts.
  //
  // Errors: kDataLoss if the file holds no number; those of disk::ReadFile().
  static absl::StatusOr<std::unique_ptr<HighestEpoch>> Open(disk::Disk& disk,
                                                            const std::string& path,
                                                            absl::string_view server);

  // OK if a process of `epoch` counts, and `epoch` is on the disk. 0 stands for a process that
  // names no epoch.
  //
  // Errors: kUnavailable if `epoch` is lower than the highest; else those of the disk. After an
  // error of the disk the epoch still counts as the highest, but a restart may forget it. The next
  // call writes it again.
  absl::Status Admit(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the epoch if the last write of Admit() failed. Errors: those of the disk.
  absl::Status Save() ABSL_LOCKS_EXCLUDED(mu_);

  Epoch highest() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  HighestEpoch(disk::Disk& disk, const std::string& path, absl::string_view server, Epoch highest)
      : disk_(disk), path_(path), server_(server), highest_(highest) {}
  absl::Status SaveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  disk::Disk& disk_;
  const std::string path_;
  const std::string server_;
  mutable absl::Mutex mu_;
  Epoch highest_ ABSL_GUARDED_BY(mu_);
  bool is_due_ ABSL_GUARDED_BY(mu_) = false;  // Not on the disk yet.
};

}  // namespace convergia::rpc
