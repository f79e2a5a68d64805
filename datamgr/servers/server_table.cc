#include "datamgr/servers/server_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace convergia::datamgr {
namespace {

constexpr size_t kDeparturesKept = 16;  // More than any useful flap_count.

}  // namespace

std::vector<NodeId> ServerTable::Configure(absl::Span<const ServerConfig> configs,
                                           absl::Duration now) {
  std::vector<NodeId> changed;
  std::set<NodeId> named;
  for (const ServerConfig& config : configs) {
    named.insert(config.id);
    const auto [it, is_new] = servers_.try_emplace(config.id);
    ServerView& server = it->second;
    if (is_new) server.since = now;
    if (is_new || !server.configured || !(server.config == config)) changed.push_back(config.id);
    server.config = config;
    server.configured = true;
  }
  for (auto& [id, server] : servers_) {
    if (named.contains(id) || !server.configured) continue;
    server.configured = false;
    changed.push_back(id);
  }
  return changed;
}

void ServerTable::Restore(const ServerConfig& config, const std::string& store,
                          int64_t last_seen_ms, absl::Duration now) {
  ServerView& server = servers_[config.id];
  server.config = config;
  server.configured = true;
  server.store = store;
  server.last_seen_ms = last_seen_ms;
  server.since = now;
}

bool ServerTable::OnConnected(NodeId id, const std::string& name, const std::string& store,
                              const ServerSpace& space, absl::Duration now) {
  ServerView& server = servers_[id];
  const bool is_another = !server.store.empty() && server.store != store;
  server.config.id = id;
  if (server.config.name.empty()) server.config.name = name;
  server.connected = true;
  server.suspect = false;
  server.store = store;
  server.space = space;
  server.since = now;
  server.holdings.clear();
  server.holdings_known = false;
  return is_another;
}

void ServerTable::OnDisconnected(NodeId id, absl::Duration now, int64_t now_ms) {
  const auto it = servers_.find(id);
  if (it == servers_.end() || !it->second.connected) return;
  ServerView& server = it->second;
  server.connected = false;
  server.suspect = false;
  server.since = now;
  server.last_seen_ms = now_ms;
  server.departures.push_back(now);
  if (server.departures.size() > kDeparturesKept) {
    server.departures.erase(server.departures.begin());
  }
}

void ServerTable::OnReport(NodeId id, const ServerSpace& space) {
  const auto it = servers_.find(id);
  if (it != servers_.end()) it->second.space = space;
}

void ServerTable::OnSlow(NodeId id, bool slow) {
  const auto it = servers_.find(id);
  if (it != servers_.end() && it->second.connected) it->second.suspect = slow;
}

void ServerTable::SetHoldings(NodeId id, std::map<VolumeId, Holding> holdings) {
  const auto it = servers_.find(id);
  if (it == servers_.end() || !it->second.connected) return;
  // std::map::merge() adds only volumes that the list does not have.
  holdings.merge(it->second.holdings);
  it->second.holdings = std::move(holdings);
  it->second.holdings_known = true;
}

void ServerTable::AddHolding(NodeId id, VolumeId volume, uint64_t chunks, uint64_t bytes) {
  const auto it = servers_.find(id);
  if (it == servers_.end() || !it->second.connected) return;
  Holding& holding = it->second.holdings[volume];
  holding.chunks += chunks;
  holding.bytes += bytes;
}

void ServerTable::DropHolding(NodeId id, VolumeId volume) {
  const auto it = servers_.find(id);
  if (it != servers_.end()) it->second.holdings.erase(volume);
}

void ServerTable::Charge(NodeId id, uint64_t bytes) {
  const auto it = servers_.find(id);
  if (it == servers_.end()) return;
  ServerSpace& space = it->second.space;
  space.free_bytes -= std::min(space.free_bytes, bytes);
}

const ServerView* ServerTable::Find(NodeId id) const {
  const auto it = servers_.find(id);
  return it == servers_.end() ? nullptr : &it->second;
}

bool ServerTable::IsLive(const Replica& replica) const {
  const ServerView* const server = Find(replica.server);
  return server != nullptr && server->Has(replica);
}

bool ServerTable::SomeAway(VolumeClass volume_class) const {
  return std::any_of(servers_.begin(), servers_.end(), [&](const auto& server) {
    return server.second.config.volume_class == volume_class && server.second.IsAway();
  });
}

bool ServerTable::IsFlapping(NodeId id, absl::Duration now) const {
  const ServerView* const server = Find(id);
  if (server == nullptr) return false;
  const auto lately =
      std::count_if(server->departures.begin(), server->departures.end(),
                    [&](absl::Duration departure) { return now - departure <= flap_window_; });
  return lately >= flap_count_;
}

std::string ServerTable::Describe(NodeId id) const {
  const ServerView* const server = Find(id);
  if (server == nullptr) return absl::StrCat("data server ", id, " (no longer known)");
  if (server->connected) return server->config.name;
  if (server->last_seen_ms == 0) return absl::StrCat(server->config.name, " (offline)");
  return absl::StrCat(
      server->config.name, " (offline since ",
      absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(server->last_seen_ms),
                       absl::UTCTimeZone()),
      " UTC)");
}

}  // namespace convergia::datamgr
