#include "datamgr/repair/plan/sweep_plan.h"

#include <algorithm>

namespace convergia::datamgr {

std::optional<SweepOrder> SweepPlan::Next(absl::Duration now, const ServerTable& servers,
                                          const VolumeTable& volumes,
                                          const std::map<VolumeId, Job>& running,
                                          const RepairRules& rules) {
  if (is_sweeping_) return std::nullopt;
  std::erase_if(swept_at_, [&](const auto& entry) { return volumes.Find(entry.first) == nullptr; });
  SweepOrder order;
  absl::Duration oldest = absl::InfiniteDuration();
  for (const auto& [id, volume] : volumes.volumes()) {
    const auto swept = swept_at_.find(id);
    const absl::Duration at = swept == swept_at_.end() ? -absl::InfiniteDuration() : swept->second;
    if (running.contains(id) || now - at < rules.sweep_every || at >= oldest) continue;
    oldest = at;
    order.volume = id;
    if (swept == swept_at_.end()) break;
  }
  if (order.volume == 0) return std::nullopt;
  const Volume& chosen = *volumes.Find(order.volume);
  order.epoch = chosen.record.epoch;
  for (const Replica& replica : chosen.record.replicas) {
    if (servers.IsLive(replica)) order.replicas.push_back(replica.server);
  }
  order.holders = order.replicas;
  for (const auto& [id, server] : servers.servers()) {
    const bool known = std::count(order.replicas.begin(), order.replicas.end(), id) > 0;
    if (!known && server.connected && server.holdings.contains(order.volume)) {
      order.holders.push_back(id);
    }
  }
  swept_at_[order.volume] = now;
  if (order.holders.empty()) {
    Again(order.volume, now, rules);
    return std::nullopt;
  }
  is_sweeping_ = true;
  return order;
}

void SweepPlan::Again(VolumeId volume, absl::Duration now, const RepairRules& rules) {
  swept_at_[volume] =
      now - rules.sweep_every + std::min(rules.sweep_every, rules.sweep_again_after);
}

bool IsForgettable(const Volume* volume, uint64_t epoch, const VolumeLists& lists,
                   const std::map<VolumeId, Job>& running) {
  // Another epoch: it was open since it was searched, and may have been written to.
  if (!lists.live.empty() || volume == nullptr || volume->record.epoch != epoch ||
      !volume->record.sealed || volume->writes_in_flight > 0 ||
      running.contains(volume->record.id)) {
    return false;
  }
  return std::all_of(volume->record.replicas.begin(), volume->record.replicas.end(),
                     [&](const Replica& replica) {
                       const auto list = lists.of.find(replica.server);
                       return list != lists.of.end() && list->second.empty();
                     });
}

}  // namespace convergia::datamgr
