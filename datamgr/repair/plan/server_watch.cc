#include "datamgr/repair/plan/server_watch.h"

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kHoldingsAgain = absl::Seconds(30);  // Longer than one answer may take.
constexpr uint64_t kScrubNowRate = uint64_t{1} << 30;         // As fast as any disk.

}  // namespace

void ServerWatch::OnUp(NodeId id) {
  slow_since_.erase(id);
  damage_seen_.erase(id);
}

std::vector<NodeId> ServerWatch::TakeForgiven(absl::Duration now, absl::Duration pause) {
  std::vector<NodeId> forgiven;
  for (auto it = slow_since_.begin(); it != slow_since_.end();) {
    if (now - it->second < pause) {
      ++it;
      continue;
    }
    forgiven.push_back(it->first);
    it = slow_since_.erase(it);
  }
  return forgiven;
}

ServerWatch::Asked ServerWatch::OnReport(NodeId id, const v1::DataServerReport& report) {
  Asked asked;
  rounds_[id] = report.scrub().rounds();
  const auto scrub = scrubs_.find(id);
  if (scrub != scrubs_.end() && rounds_[id] >= scrub->second + 2) {
    scrubs_.erase(scrub);
    asked.push_settings = true;
  }
  uint64_t& seen = damage_seen_[id];
  asked.list_damaged = report.damaged_chunks() > 0 && report.damage_found() + 1 != seen;
  if (asked.list_damaged) seen = report.damage_found() + 1;
  return asked;
}

std::vector<NodeId> ServerWatch::TakeUnlisted(const ServerTable& servers, absl::Duration now) {
  std::vector<NodeId> unlisted;
  for (const auto& [id, server] : servers.servers()) {
    if (!server.connected || server.holdings_known) continue;
    const auto asked = holdings_asked_at_.find(id);
    if (asked != holdings_asked_at_.end() && now - asked->second <= kHoldingsAgain) continue;
    holdings_asked_at_[id] = now;
    unlisted.push_back(id);
  }
  return unlisted;
}

v1::DataServerSettings SettingsOf(const ServerConfig& config, bool scrubs_now) {
  v1::DataServerSettings settings;
  settings.set_storage_class(config.volume_class == VolumeClass::kVolatile
                                 ? v1::STORAGE_CLASS_VOLATILE
                                 : v1::STORAGE_CLASS_NON_VOLATILE);
  if (config.capacity_bytes > 0) settings.set_capacity_bytes(config.capacity_bytes);
  if (scrubs_now) settings.set_scrub_bytes_per_second(kScrubNowRate);
  return settings;
}

}  // namespace convergia::datamgr
