#include "mgmt/cluster/cluster_loop.h"

#include <glog/logging.h>

namespace convergia::mgmt {

ClusterLoop::ClusterLoop(std::unique_ptr<Cluster> cluster, const Clock& clock,
                         ClusterOutput& output)
    : clock_(clock),
      output_(output),
      cluster_(std::move(cluster)),
      ticked_(clock.Elapsed()),
      actor_({&executor_, &clock_}, {.turn = [this](absl::Duration now, bool) { return Turn(now); },
                                     .events_max = kTasksMax}) {}

absl::Duration ClusterLoop::Turn(absl::Duration now) {
  if (now - ticked_ >= Cluster::kTick) {
    ticked_ = now;
    cluster_->OnTick(now);
  }
  Flush();
  return ticked_ + Cluster::kTick - now;
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
