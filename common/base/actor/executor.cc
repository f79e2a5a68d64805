#include "common/base/actor/executor.h"

#include <algorithm>

#include "common/base/clock.h"

namespace convergia {

ThreadExecutor::ThreadExecutor() : thread_([this] { Run(); }) {}

ThreadExecutor::~ThreadExecutor() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  thread_.join();
}

void ThreadExecutor::Post(Task task) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) tasks_.push_back(std::move(task));
}

void ThreadExecutor::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = RealClock::Get().Elapsed() + std::max(delay, absl::ZeroDuration());
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  timers_changed_ |= timers_.empty() || due < timers_.begin()->first.first;
  timers_.emplace(DueKey{due, ++last_timer_}, std::move(task));
}

void ThreadExecutor::Run() {
  std::vector<Task> tasks;
  bool stopped = false;
  while (!stopped) {
    {
      absl::MutexLock lock(&mu_);
      const absl::Duration wait = timers_.empty()
                                      ? absl::InfiniteDuration()
                                      : timers_.begin()->first.first - RealClock::Get().Elapsed();
      mu_.AwaitWithTimeout(absl::Condition(this, &ThreadExecutor::HasTaskOrStopped),
                           std::max(wait, absl::ZeroDuration()));
      timers_changed_ = false;
      tasks.swap(tasks_);
      const absl::Duration now = RealClock::Get().Elapsed();
      while (!timers_.empty() && timers_.begin()->first.first <= now) {
        tasks.push_back(std::move(timers_.begin()->second));
        timers_.erase(timers_.begin());
      }
      stopped = stopped_;
    }
    for (Task& task : tasks) std::move(task)();
    tasks.clear();
  }
}

}  // namespace convergia
