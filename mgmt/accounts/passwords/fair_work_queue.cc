#include "mgmt/accounts/passwords/fair_work_queue.h"

#include <optional>
#include <utility>

namespace convergia::mgmt {

FairWorkQueue::FairWorkQueue(int threads, size_t tasks_max) : tasks_(tasks_max) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { WorkLoop(); });
}

FairWorkQueue::~FairWorkQueue() { Stop(); }

void FairWorkQueue::Post(absl::string_view key, Task task) {
  std::optional<Task> refused;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) {
      refused.emplace(std::move(task));
    } else {
      refused = tasks_.Push(key, std::move(task));
    }
  }
  if (refused) refused->refused();
}

void FairWorkQueue::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void FairWorkQueue::WorkLoop() {
  while (true) {
    std::optional<Task> task;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &FairWorkQueue::HasWorkOrStopped));
      task = tasks_.Pop();
    }
    if (!task) return;
    task->run();
  }
}

}  // namespace convergia::mgmt
