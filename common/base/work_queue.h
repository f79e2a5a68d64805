#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia {

// A few threads for work that blocks (disk, hashing), behind a bounded queue.
//
// Thread-safe, except that only one thread at a time may call Stop(). Tasks start in order of
// arrival; with more than one thread they may overlap.
class WorkQueue {
 public:
  // `tasks_max` bounds the tasks that wait, not those that run. The threads start at once.
  WorkQueue(int threads, size_t tasks_max);
  ~WorkQueue();  // Stop().

  // False if the queue is full or stopped: the task was not taken, and the caller answers "busy".
  [[nodiscard]] bool TryPost(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses further tasks, runs those that wait, and returns when all threads have ended.
  // Idempotent. Do not call it from a task.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void WorkLoop() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !tasks_.empty();
  }

  const size_t tasks_max_;
  absl::Mutex mu_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace convergia
