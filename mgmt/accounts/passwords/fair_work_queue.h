#pragma once

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "mgmt/accounts/passwords/fair_queue.h"

namespace convergia::mgmt {

// A few threads for work that blocks (disk, hashing), behind a FairQueue. Thread-safe.
class FairWorkQueue {
 public:
  // Exactly one of the two is called, once.
  struct Task {
    absl::AnyInvocable<void()> run;      // On one of the threads.
    absl::AnyInvocable<void()> refused;  // No place, or no longer: on the thread of a Post().
  };

  // `tasks_max` bounds what waits, not what runs. Threads start at once.
  FairWorkQueue(int threads, size_t tasks_max);
  ~FairWorkQueue();  // Stop().

  void Post(absl::string_view key, Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // Accepts no further tasks, runs the waiting ones, and returns when all threads have ended.
  // Idempotent; not to be called from a task.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void WorkLoop() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || tasks_.size() > 0;
  }

  absl::Mutex mu_;
  FairQueue<Task> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace convergia::mgmt
