#include "datamgr/repair/plan/running_jobs.h"

#include <algorithm>

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kCoolingFor = absl::Seconds(30);

}  // namespace

void RunningJobs::End(const JobEnd& end, absl::Duration now) {
  const bool is_unclear = !end.job.IsCopy() && !end.status.ok() &&
                          !absl::IsFailedPrecondition(end.status) && !absl::IsCancelled(end.status);
  if (is_unclear) {
    cooling_[end.job.volume] = now + kCoolingFor;
  } else {
    running_.erase(end.job.volume);
  }
}

void RunningJobs::EndCooled(absl::Duration now) {
  for (auto it = cooling_.begin(); it != cooling_.end();) {
    if (now < it->second) {
      ++it;
      continue;
    }
    running_.erase(it->first);
    it = cooling_.erase(it);
  }
}

JobOrder OrderOf(const Job& job, const ServerTable& servers, const VolumeTable& volumes,
                 ChunkId young) {
  JobOrder order;
  order.job = job;
  order.young = young;
  if (const Volume* const volume = volumes.Find(job.volume)) {
    for (const Replica& replica : volume->record.replicas) {
      if (servers.IsLive(replica)) order.replicas.push_back(replica.server);
    }
  }
  if (job.source != 0) order.sources.push_back(job.source);
  for (const NodeId replica : order.replicas) {
    if (replica != job.source && replica != job.target) order.sources.push_back(replica);
  }
  for (const auto& [id, server] : servers.servers()) {
    const bool known =
        id == job.target || std::count(order.sources.begin(), order.sources.end(), id) > 0;
    if (!known && server.connected && server.holdings.contains(job.volume)) {
      order.sources.push_back(id);
    }
  }
  return order;
}

void RepairRates::Measure(absl::Duration now, uint64_t client_bytes, uint64_t repair_bytes) {
  const double seconds = absl::ToDoubleSeconds(now - measured_at_);
  if (seconds <= 0) return;
  measured_at_ = now;
  client_rate_ = static_cast<double>(client_bytes - client_bytes_) / seconds;
  const double part = std::min(1.0, seconds / 30);
  repair_rate_ +=
      part * (static_cast<double>(repair_bytes - repair_bytes_) / seconds - repair_rate_);
  client_bytes_ = client_bytes;
  repair_bytes_ = repair_bytes;
}

}  // namespace convergia::datamgr
