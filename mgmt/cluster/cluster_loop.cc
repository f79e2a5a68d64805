#include "mgmt/cluster/cluster_loop.h"

#include <glog/logging.h>

namespace convergia::mgmt {

ClusterLoop::ClusterLoop(std::unique_ptr<Cluster> cluster, const Clock& clock,
                         ClusterOutput& output)
    : clock_(clock), output_(output), cluster_(std::move(cluster)) {}

void ClusterLoop::Start() {
  thread_ = std::thread([this] { RunLoop(); });
}

void ClusterLoop::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool ClusterLoop::Post(Task&& task) {
  absl::MutexLock lock(&mu_);
  if (stopped_ || tasks_.size() >= kTasksMax) return false;
  tasks_.push_back(std::move(task));
  return true;
}

bool ClusterLoop::PostUrgent(Task&& task) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return false;
  tasks_.push_back(std::move(task));
  return true;
}

void ClusterLoop::RunLoop() {
  std::vector<Task> tasks;
  absl::Duration ticked = clock_.Elapsed();
  bool stopped = false;
  while (!stopped) {
    {
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithTimeout(absl::Condition(this, &ClusterLoop::HasWorkOrStopped), Cluster::kTick);
      std::swap(tasks, tasks_);
      stopped = stopped_;
    }
    RunTasks(&tasks);
    if (const absl::Duration now = clock_.Elapsed(); now - ticked >= Cluster::kTick) {
      ticked = now;
      cluster_->OnTick(now);
    }
    Flush();
  }
}

void ClusterLoop::RunTasks(std::vector<Task>* tasks) {
  for (Task& task : *tasks) task(*cluster_);
  tasks->clear();
}

void ClusterLoop::Flush() {
  const ClusterActions actions = cluster_->Flush(clock_.Elapsed());
  for (const std::string& warning : actions.warnings) LOG(WARNING) << warning;
  for (const ClusterActions::Send& send : actions.sends) output_.Send(send.stream, *send.message);
  for (const ClusterActions::Close& close : actions.closes) {
    output_.Close(close.stream, close.reason);
  }
  if (!actions.map_rows.empty()) output_.OnMapRows(actions.map_rows);
}

}  // namespace convergia::mgmt
