#include "mgmt/assignment/move_planner.h"

#include <algorithm>
#include <utility>

#include "mgmt/views/traffic_queries.h"

namespace convergia::mgmt {

MovePlanner::Orders MovePlanner::Tick(absl::Duration now, ClusterState* state) {
  Orders orders;
  if (now - drained_ >= kDrainEvery) {
    drained_ = now;
    Drain(now, state, &orders);
  }
  if (now - rebalanced_ >= kRebalanceEvery) {
    rebalanced_ = now;
    std::vector<EdgeLoad> users_on = LoadsOf(*state);
    for (EdgeLoad& edge : users_on) {
      edge.sessions = static_cast<uint32_t>(state->directory.users_on(edge.id));
    }
    std::vector<Rebalancer::Move> moves =
        rebalancer_.Propose(state->traffic, StateView(*state), users_on, now);
    std::move(moves.begin(), moves.end(), std::back_inserter(orders.moves));
    state->moves = rebalancer_.counters();
  }
  if (now - swept_ >= kSweepEvery) {
    swept_ = now;
    state->reach.Sweep(
        [&](const std::string& user) { return !state->directory.EdgesOf(user).empty(); });
  }
  return orders;
}

void MovePlanner::Drain(absl::Duration now, ClusterState* state, Orders* orders) {
  std::vector<EdgeLoad> loads = LoadsOf(*state);
  const bool is_place = std::any_of(loads.begin(), loads.end(), [](const EdgeLoad& edge) {
    return edge.alive && !edge.draining;
  });
  for (const NodeId edge : drainer_.edges()) {
    if (!IsDraining(*state, edge) || !state->Reachable(edge)) drainer_.Forget(edge);
  }
  for (const EdgeLoad& edge : std::vector<EdgeLoad>(loads)) {
    // By its own word: before, it would let new ones in again.
    const v1::Heartbeat& said = state->liveness.Find(edge.id)->load;
    if (!said.draining() || state->directory.users_on(edge.id) == 0) continue;
    if (!is_place) {
      orders->nowhere.push_back(edge.id);
      continue;
    }
    const auto tellings = drainer_.Tick(edge.id, state->directory.UsersOn(edge.id),
                                        absl::Milliseconds(said.drain_left_ms()), now);
    for (const DrainPacer::Telling& telling : tellings) {
      const NodeId to = Elsewhere(telling.user, edge.id, telling.before, loads, now, *state);
      if (to == 0) continue;
      ++state->just_assigned[to];
      ++state->drain_moves;
      for (EdgeLoad& load : loads) load.sessions += load.id == to;
      orders->moves.push_back({telling.user, edge.id, to});
    }
  }
}

NodeId MovePlanner::Elsewhere(const std::string& user, NodeId from, int before,
                              const std::vector<EdgeLoad>& loads, absl::Duration now,
                              const ClusterState& state) {
  std::vector<Probe> probes;
  const Reachability::Reach* const reach = state.reach.Find(user);
  if (reach != nullptr) probes = reach->reached;
  std::erase_if(probes, [from](const Probe& probe) { return probe.id == from; });
  const auto choose = [&] {
    return AssignEdges(
        loads, probes, PullsOf(state, user, now),
        [&](NodeId a, NodeId b) { return CostOfRoute(state, a, b); }, /*count=*/3);
  };
  std::vector<NodeId> chosen = choose();
  if (chosen.empty()) {  // A guess does no harm: a client that cannot go there stays.
    probes.clear();
    for (const EdgeLoad& edge : loads) {
      if (edge.alive && edge.id != from) probes.push_back({edge.id, 0});
    }
    chosen = choose();
  }
  return chosen.empty() ? 0 : chosen[before % chosen.size()];
}

}  // namespace convergia::mgmt
