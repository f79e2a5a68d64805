#include "mgmt/views/traffic_queries.h"

#include <algorithm>
#include <iterator>

#include "common/base/ids.h"
#include "mgmt/routing/route_graph.h"

namespace convergia::mgmt {
namespace {

constexpr double kUsPerHop = 20'000;  // This much round-trip time costs as much as one link more.
constexpr double kNoWay = 16;         // Like the longest route that there may be.
constexpr double kReportBytesMax = 1e9;  // For one conversation; a larger number is a mistake.
constexpr int kTalkersMax = 20'000;      // In one report; edges send fewer.
constexpr TrafficGraph::User kUsersAsked = 20'000;  // For a share; more would not change it.

bool IsName(const std::string& name) {
  const absl::StatusOr<Username> parsed = Username::Parse(name);
  return parsed.ok() && parsed->str() == name;
}

// The edges where least-connections might put `user`: all that it reaches.
std::vector<NodeId> Choices(const ClusterState& state, const std::string& user,
                            const std::vector<NodeId>& usable) {
  const Reachability::Reach* const reach = state.reach.Find(user);
  if (reach == nullptr) return usable;
  std::vector<NodeId> choices;
  for (const NodeId edge : usable) {
    if (reach->To(edge) != nullptr) choices.push_back(edge);
  }
  return choices.empty() ? usable : choices;
}

// How likely two land on different edges if each is put anywhere, equally likely.
double Apart(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  std::vector<NodeId> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  if (a.empty() || b.empty()) return 0;
  return 1 - static_cast<double>(both.size()) / static_cast<double>(a.size() * b.size());
}

void FillRemembered(const ClusterState& state, absl::Duration now, v1::GetTrafficResponse* answer) {
  const TrafficGraph& graph = state.traffic;
  const std::vector<NodeId> usable = UsableEdges(state);
  const TrafficGraph::User step = 1 + graph.end() / kUsersAsked;
  double bytes = 0, across = 0, apart = 0;
  for (TrafficGraph::User user = 0; user < graph.end(); user += step) {
    if (graph.PeersOf(user).empty()) continue;
    const std::string& name = graph.NameOf(user);
    const std::vector<NodeId> homes = state.directory.EdgesOf(name);
    if (homes.empty()) continue;
    const std::vector<NodeId> choices = Choices(state, name, usable);
    for (const TrafficGraph::Peer& peer : graph.PeersOf(user)) {
      const std::string& peer_name = graph.NameOf(peer.user);
      const std::vector<NodeId> there = state.directory.EdgesOf(peer_name);
      if (there.empty()) continue;
      const double weight = graph.Bytes(peer.weight, now);
      bytes += weight;
      if (homes != there) across += weight;
      apart += weight * Apart(choices, Choices(state, peer_name, usable));
    }
  }
  answer->set_users_remembered(graph.users());
  if (bytes <= 0) return;
  answer->set_remembered_across_share(across / bytes);
  answer->set_least_connections_across_share(apart / bytes);
}

}  // namespace

bool IsDraining(const ClusterState& state, NodeId edge) {
  const auto member = state.members.find(edge);
  const Liveness::Node* live = state.liveness.Find(edge);
  return (member != state.members.end() && member->second.drain) ||
         (live != nullptr && live->load.draining());
}

std::vector<NodeId> UsableEdges(const ClusterState& state) {
  std::vector<NodeId> edges;
  for (const auto& [id, member] : state.members) {
    const Liveness::Node* live = state.liveness.Find(id);
    if (state.IsEdge(id) && state.Reachable(id) && !live->hello.addresses().line().empty()) {
      edges.push_back(id);
    }
  }
  return edges;
}

std::vector<EdgeLoad> LoadsOf(const ClusterState& state) {
  std::vector<EdgeLoad> loads;
  for (const NodeId id : UsableEdges(state)) {
    const Liveness::Node& live = *state.liveness.Find(id);
    const auto sent = state.just_assigned.find(id);
    const uint32_t just_assigned = sent == state.just_assigned.end() ? 0 : sent->second;
    loads.push_back({.id = id,
                     .sessions = live.load.sessions() + just_assigned,
                     .alive = live.state == LiveState::kAlive,
                     .draining = IsDraining(state, id),
                     .walled = state.reach.IsWalled(id)});
  }
  return loads;
}

std::vector<Pull> PullsOf(const ClusterState& state, absl::string_view user, absl::Duration now) {
  std::vector<Pull> pulls;
  const TrafficGraph::User known = state.traffic.Find(user);
  if (known == TrafficGraph::kNobody) return pulls;
  for (const TrafficGraph::Peer& peer : state.traffic.PeersOf(known)) {
    const std::vector<NodeId> edges = state.directory.EdgesOf(state.traffic.NameOf(peer.user));
    if (edges.empty()) continue;
    pulls.push_back({{edges.begin(), edges.end()}, state.traffic.Bytes(peer.weight, now)});
  }
  return pulls;
}

double CostOfRoute(const ClusterState& state, NodeId from, NodeId to) {
  const RouteCost cost = state.routes.CostOf(from, to);
  if (cost == kNoRoute) return kNoWay;
  return HopsOf(cost) + static_cast<double>(RttUsOf(cost)) / kUsPerHop;
}

int TakeTraffic(NodeId edge, const v1::TrafficReport& report, absl::Duration now,
                ClusterState* state) {
  int ignored = 0, taken = 0;
  for (const v1::Talker& talker : report.talkers()) {
    const std::vector<NodeId> homes = state->directory.EdgesOf(talker.username());
    const bool is_here = std::binary_search(homes.begin(), homes.end(), edge);
    if (!is_here || talker.peers_size() != talker.bytes_size() || ++taken > kTalkersMax) {
      ++ignored;
      continue;
    }
    for (int i = 0; i < talker.peers_size() && i < 64; ++i) {
      if (!IsName(talker.peers(i))) continue;
      const double bytes = std::min(static_cast<double>(talker.bytes(i)), kReportBytesMax);
      state->traffic.Add(talker.username(), talker.peers(i), bytes, now);
    }
  }
  EdgeTraffic& counted = state->edge_traffic[edge];
  counted.within.Add(static_cast<double>(report.bytes_within()), now);
  counted.across.Add(static_cast<double>(report.bytes_across()), now);
  state->traffic.Sweep(now);
  return ignored;
}

v1::GetTrafficResponse GetTraffic(const ClusterState& state, absl::Duration now) {
  v1::GetTrafficResponse answer;
  double within = 0, across = 0;
  for (const NodeId id : UsableEdges(state)) {
    v1::EdgeTraffic* edge = answer.add_edges();
    edge->set_name(state.members.at(id).name);
    edge->set_users(static_cast<uint32_t>(state.directory.users_on(id)));
    edge->set_draining(IsDraining(state, id));
    edge->set_walled(state.reach.IsWalled(id));
    const auto counted = state.edge_traffic.find(id);
    if (counted == state.edge_traffic.end()) continue;
    edge->set_within_bytes_per_second(counted->second.within.PerSecond(now));
    edge->set_across_bytes_per_second(counted->second.across.PerSecond(now));
    within += edge->within_bytes_per_second();
    across += edge->across_bytes_per_second();
  }
  answer.set_bytes_per_second(within + across);
  if (within + across > 0) answer.set_across_share(across / (within + across));
  FillRemembered(state, now, &answer);
  answer.set_moves_proposed(state.moves.proposed);
  answer.set_moves_done(state.moves.done);
  answer.set_moves_refused(state.moves.refused);
  answer.set_moves_per_minute_max(state.moves_per_minute_max);
  answer.set_drain_moves(state.drain_moves);
  return answer;
}

PlacesView::Homes StateView::HomesOf(const std::string& user) const {
  const std::vector<NodeId> edges = state_.directory.EdgesOf(user);
  return {edges.begin(), edges.end()};
}

const Reachability::Reach* StateView::ReachOf(const std::string& user) const {
  return state_.reach.Find(user);
}

double StateView::CostOf(NodeId from, NodeId to) const { return CostOfRoute(state_, from, to); }

}  // namespace convergia::mgmt
