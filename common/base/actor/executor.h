#pragma once

#include <cstdint>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia {

// Runs tasks one at a time, on a thread of its own or on the I/O shard of sessions. Actors run on
// it. An executor that has stopped drops further tasks without running them.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  virtual ~Executor() = default;
  // Runs `task` soon. Tasks run in the order of these calls. Thread-safe.
  virtual void Post(Task task) = 0;
  // Runs `task` soon after `delay` of real time has passed. A negative delay is zero. Thread-safe.
  virtual void PostAfter(absl::Duration delay, Task task) = 0;
};

// An executor with a thread of its own, from construction to destruction.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor();
  // Runs the tasks of Post(), drops those of PostAfter() that are not due, and ends the thread. Not
  // from a task.
  ~ThreadExecutor() override;

  void Post(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  void PostAfter(absl::Duration delay, Task task) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using DueKey = std::pair<absl::Duration, uint64_t>;  // When, and the order among equals.

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasTaskOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !tasks_.empty() || timers_changed_;
  }

  absl::Mutex mu_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mu_);
  std::map<DueKey, Task> timers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_timer_ ABSL_GUARDED_BY(mu_) = 0;
  bool timers_changed_ ABSL_GUARDED_BY(mu_) = false;  // An earlier one came.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace convergia
