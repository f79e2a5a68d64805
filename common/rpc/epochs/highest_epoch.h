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
// One small file remembers it across restarts and power cuts. A process of a lower epoch was
// replaced by a later start, even if it does not know that yet: what it says counts no longer.
//
// Thread-safe. Admit() blocks on the disk only when the epoch rises, at most once for each start of
// that server.
class HighestEpoch {
 public:
  // Reads the file at `path`; a missing one is epoch 0. `disk` must outlive this. `server` is for
  // error texts: "mgmt", "datamgr".
  //
  // Errors: kDataLoss if the file holds no number; those of the disk.
  static absl::StatusOr<std::unique_ptr<HighestEpoch>> Open(disk::Disk& disk,
                                                            const std::string& path,
                                                            absl::string_view server);

  // Whether to listen to a process that says `epoch` (0: it says none). OK: yes, and `epoch` is on
  // the disk.
  //
  // Errors: kUnavailable for a lower epoch than the highest; else those of the disk. After these
  // the epoch counts as the highest until the restart, and the next call writes it again.
  absl::Status Admit(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes what Admit() could not. Errors: those of the disk.
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
