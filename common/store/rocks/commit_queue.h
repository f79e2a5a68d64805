#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/store/store.h"

namespace convergia::store {

// Group commit: gathers commits for one thread, which writes those that wait as one group, so that
// they share a sync.
//
// Refuses invalid batches, batches above the bounds on waiting commits
// (limits::kStoreCommitsWaitingMax, kStoreWaitingBytesMax), and everything after a failed write.
// Thread-safe.
class CommitQueue {
 public:
  // Writes `batches` as one, in order, and adds one outcome for each to `outcomes`. After an error
  // the function is not called again, and `outcomes` does not count. kFailedPrecondition means that
  // nothing was written: every batch of the group is FENCED. After any other error every batch is
  // UNKNOWN.
  using WriteGroup = absl::AnyInvocable<absl::Status(
      absl::Span<const Batch* const> batches, std::vector<absl::StatusOr<Revision>>* outcomes)>;

  // A write of this size takes some ten milliseconds. All commits of the group wait for it.
  static constexpr size_t kGroupBytes = 4 * 1024 * 1024;

  // `write_group` runs on the queue's thread, which starts at once. A group has at most 1,000
  // batches, and at most about `group_bytes` bytes, or it is a single larger batch.
  explicit CommitQueue(WriteGroup write_group, size_t group_bytes = kGroupBytes);
  ~CommitQueue();  // Stop().

  // See Store::CommitAsync(). `done` runs on the caller's thread if the batch is refused, else on
  // the queue's thread.
  void Add(Batch batch, CommitCallback done) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the commits that wait, refuses further ones, and returns when the thread has ended.
  // Idempotent. Do not call it from a commit's callback.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending {
    Batch batch;
    size_t bytes = 0;
    CommitCallback done;
  };

  absl::Status Admit(Pending& pending) ABSL_LOCKS_EXCLUDED(mu_);
  void WriteLoop() ABSL_LOCKS_EXCLUDED(mu_);
  void WriteOnce(std::vector<Pending> group) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the next waiting commit fits into a group that has `commits` with `bytes`.
  bool NextFits(size_t commits, size_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The waiting commits, up to a bound; empty when stopped and nothing waits.
  std::vector<Pending> TakeGroup() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !waiting_.empty();
  }

  WriteGroup write_group_;
  const size_t group_bytes_;

  absl::Mutex mu_;
  std::deque<Pending> waiting_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status fenced_ ABSL_GUARDED_BY(mu_);  // Not OK: why nothing can be written any longer.

  absl::Mutex join_mu_;  // Two Stop() must not join at once.
  std::thread thread_;
};

}  // namespace convergia::store
