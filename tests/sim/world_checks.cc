// The checks of a world that has come to rest.

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/sim/world.h"

namespace convergia::sim {
namespace {

using Cost = std::pair<size_t, uint64_t>;  // Hops, then round-trip time.
using LinkKey = std::pair<NodeId, NodeId>;
constexpr size_t kFewEdges = 8;  // Few enough to try all routes between them.
constexpr size_t kSample = 25;   // The number checked, if there are more.
constexpr size_t kSendersMax = 40;

using Graph = std::map<NodeId, std::map<NodeId, uint32_t>>;

std::set<LinkKey> LinksOf(NodeId from, const std::vector<NodeId>& hops) {
  std::set<LinkKey> links;
  for (const NodeId hop : hops) {
    links.insert(std::minmax(from, hop));
    from = hop;
  }
  return links;
}

// The least cost of any route that avoids the `banned` links, by trying all of them.
std::optional<Cost> BruteForce(const Graph& graph, NodeId from, NodeId to,
                               const std::set<LinkKey>& banned) {
  std::optional<Cost> best;
  std::set<NodeId> visited = {from};
  const std::function<void(NodeId, Cost)> walk = [&](NodeId at, Cost cost) {
    if (at == to) {
      if (!best || cost < *best) best = cost;
      return;
    }
    if (best && cost.first >= best->first) return;
    const auto arms = graph.find(at);
    if (arms == graph.end()) return;
    for (const auto& [next, rtt] : arms->second) {
      if (banned.contains(std::minmax(at, next)) || !visited.insert(next).second) continue;
      walk(next, {cost.first + 1, cost.second + rtt});
      visited.erase(next);
    }
  };
  walk(from, {0, 0});
  return best;
}

// Likewise for many edges, by breadth-first search.
std::optional<Cost> Search(const Graph& graph, NodeId from, NodeId to,
                           const std::set<LinkKey>& banned) {
  std::map<NodeId, Cost> reached = {{from, {0, 0}}}, level = reached;
  while (!level.empty() && !reached.contains(to)) {
    std::map<NodeId, Cost> next;
    for (const auto& [at, cost] : level) {
      const auto arms = graph.find(at);
      if (arms == graph.end()) continue;
      for (const auto& [there, rtt] : arms->second) {
        if (reached.contains(there) || banned.contains(std::minmax(at, there))) continue;
        const Cost found = {cost.first + 1, cost.second + rtt};
        const auto [entry, is_new] = next.emplace(there, found);
        if (!is_new) entry->second = std::min(entry->second, found);
      }
    }
    reached.insert(next.begin(), next.end());
    level = std::move(next);
  }
  const auto found = reached.find(to);
  return found == reached.end() ? std::nullopt : std::optional(found->second);
}

std::string Describe(const std::optional<Cost>& cost) {
  return cost ? absl::StrCat(cost->first, " hops, ", cost->second, " us") : "no way";
}

// The cost of a plotted route, link by link; nullopt if a link does not exist.
std::optional<Cost> Walk(const Graph& graph, NodeId from, NodeId to,
                         const std::vector<NodeId>& hops) {
  Cost cost = {hops.size(), 0};
  if (hops.empty() || hops.back() != to) return std::nullopt;
  for (const NodeId hop : hops) {
    const auto arms = graph.find(from);
    if (arms == graph.end() || !arms->second.contains(hop)) return std::nullopt;
    cost.second += arms->second.at(hop);
    from = hop;
  }
  return cost;
}

// Empty if `hops` is a cheapest route that avoids `banned`, or if both say that there is none.
std::string CompareWays(const Graph& graph, NodeId from, NodeId to, const std::vector<NodeId>& hops,
                        const std::set<LinkKey>& banned) {
  const std::optional<Cost> plotted = Walk(graph, from, to, hops);
  const std::optional<Cost> best = graph.size() <= kFewEdges ? BruteForce(graph, from, to, banned)
                                                             : Search(graph, from, to, banned);
  if (plotted == best && plotted.has_value() == !hops.empty()) return "";
  return absl::StrCat("from ", from, " to ", to, " by {", absl::StrJoin(hops, ","),
                      "}: ", Describe(plotted), "; the best has ", Describe(best));
}

}  // namespace

void World::Calm() {
  history_.Note("---- all is well again");
  is_calm_ = true;
  network_.OpenAllPaths();
  for (int i = 0; i < plan_.edges; ++i) {
    network_.SetWalled(slots_[i].node, i >= plan_.edges - plan_.walled_for_good);
  }
  if (plan_.mgmt_stays == MgmtStays::kForSignIn) mgmt_is_gone_ = false;
  StartMgmt();
  if (plan_.has_rogue && slots_.front().edge != nullptr) {
    slots_.front().edge->attach().ReportLinksAgain();
  }
  for (Slot& slot : slots_) {
    if (!dice_.OneIn(8)) StartEdge(slot);
  }
  for (Person& person : people_) {
    for (const auto& [node, session] : person.sessions) {
      edge(node)->clients().SetSlow(session, false);
    }
  }
}

void World::CheckLinks() {
  for (Slot* a : Living()) {
    for (Slot* b : Living()) {
      if (a == b) continue;
      // A link that was up before the wall stays up.
      const bool is_up = a->edge->links().up().contains(b->node);
      const bool may_dial =
          (a->edge->links().Knows(b->node) && network_.CanDial(a->node, b->node)) ||
          (b->edge->links().Knows(a->node) && network_.CanDial(b->node, a->node));
      if (!is_up && (mgmt_ == nullptr ? may_dial : network_.CanMeet(a->node, b->node))) {
        history_.Broken("after quiet, the link ", a->node, "-", b->node, " is down");
      }
    }
    for (const NodeId peer : a->edge->links().up()) {
      if (edge(peer) == nullptr) history_.Broken("a link to edge ", peer, ", which is dead, is up");
    }
    if (mgmt_ != nullptr && !a->edge->attach().attached())
      history_.Broken("edge ", a->node, " is not attached");
  }
}

std::set<NodeId> World::Around(NodeId node) {
  std::set<NodeId> around = {node};
  std::vector<NodeId> next = {node};
  while (!next.empty()) {
    const NodeId at = next.back();
    next.pop_back();
    for (const NodeId peer : edge(at)->links().up()) {
      if (edge(peer) != nullptr && around.insert(peer).second) next.push_back(peer);
    }
  }
  return around;
}

void World::CheckDirectories() {
  const auto all_truth = ledger_.Truth();
  for (Slot* slot : Sample()) {
    // An edge that cannot be heard of has no users in this directory.
    const std::set<NodeId> around = Around(slot->node);
    for (const auto& [user, places] : all_truth) {
      std::vector<NodeId> truth;
      for (const auto& [edge, sessions] : places) {
        if (mgmt_ != nullptr || around.contains(edge)) truth.push_back(edge);
      }
      const edge::Places found = slot->edge->directory().Find(user);
      if (std::equal(found.begin(), found.end(), truth.begin(), truth.end())) continue;
      history_.Broken("edge ", slot->node, " believes ", user, " on {", absl::StrJoin(found, ","),
                      "}, and it is {", absl::StrJoin(truth, ","), "}");
    }
  }
}

bool World::HasWay(Edge& from, NodeId to) {
  if (mgmt_ != nullptr) return from.switchboard().HasWay(to, events_.now());
  if (from.links().up().contains(to)) return true;
  for (const edge::RouteTable::Pair& pair : from.attach().routes()) {
    if (pair.destination != to) continue;
    for (const edge::Hops& hops : {pair.best, pair.second}) {
      NodeId at = from.node();
      bool is_open = !hops.empty();
      for (const NodeId next : hops) {
        is_open = is_open && edge(at) != nullptr && edge(at)->links().up().contains(next);
        at = next;
      }
      if (is_open) return true;
    }
  }
  return false;
}

std::vector<World::Slot*> World::Sample() {
  std::vector<Slot*> living = Living();
  if (living.size() <= kFewEdges) return living;
  std::vector<Slot*> sample;
  for (size_t i = 0; i < kSample; ++i) sample.push_back(dice_.Any(living));
  return sample;
}

std::string World::WhatIsWrongWithRoutes() {
  Graph graph;
  std::set<LinkKey> known, true_links;
  for (const mgmt::Link& link : mgmt_->state().links.Links()) {
    graph[link.a][link.b] = graph[link.b][link.a] = link.rtt_us;
    known.insert({link.a, link.b});
  }
  for (Slot* slot : Living()) {
    for (const NodeId peer : slot->edge->links().up()) {
      true_links.insert(std::minmax(slot->node, peer));
    }
  }
  if (known != true_links) return "mgmt believes other links than there are";
  for (Slot* slot : Sample()) {
    const NodeId from = slot->node;
    std::map<NodeId, std::pair<std::vector<NodeId>, std::vector<NodeId>>> plotted;
    for (const edge::RouteTable::Pair& pair : slot->edge->attach().routes()) {
      plotted[pair.destination] = {{pair.best.begin(), pair.best.end()},
                                   {pair.second.begin(), pair.second.end()}};
    }
    for (Slot* other : Sample()) {
      const NodeId to = other->node;
      if (to == from) continue;
      const auto& [first, second] = plotted[to];
      std::string wrong = CompareWays(graph, from, to, first, {});
      if (wrong.empty()) wrong = CompareWays(graph, from, to, second, LinksOf(from, first));
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

void World::CheckRoutes() {
  if (mgmt_ == nullptr) return;  // Without mgmt nobody plots routes.
  // Round-trip times still change, and routes follow a moment later.
  std::string wrong = WhatIsWrongWithRoutes();
  for (int tries = 0; tries < 20 && !wrong.empty(); ++tries) {
    Pass(absl::Milliseconds(100));
    wrong = WhatIsWrongWithRoutes();
  }
  if (!wrong.empty()) history_.Broken("after quiet, ", wrong);
}

void World::CheckEverybodyTalks() {
  struct Sent {
    MessageNumber message;
    NodeId from;
    std::string to;
    uint32_t sessions;
  };
  std::vector<Sent> sent;
  const size_t every = 1 + people_.size() / kSendersMax;
  for (Person& from : people_) {
    if (from.sessions.empty() || (&from - people_.data()) % every != 0) continue;
    Pass(absl::Milliseconds(500));  // Waits, because the queues here are small.
    const auto [node, session] = from.sessions.front();
    const size_t first = &from - people_.data();  // To the sender, and to the users after it.
    for (size_t i = 0; i < std::min(kSample, people_.size()); ++i) {
      Person& to = people_[(first + i) % people_.size()];
      if (to.sessions.empty()) continue;
      uint32_t reachable = 0;
      for (const auto& [there, unused] : to.sessions) {
        reachable += there == node || HasWay(*edge(node), there);
      }
      // CheckRoutes() checks whether a route exists.
      sent.push_back({edge(node)->clients().Send(session, to.name), node, to.name, reachable});
    }
  }
  Pass(absl::Seconds(12));
  for (const Sent& message : sent) {
    const uint32_t reached = ledger_.OkOf(message.message).value_or(0);
    if (reached == message.sessions || (mgmt_ == nullptr && reached > message.sessions)) continue;
    history_.Broken("after quiet, m", message.message, " from edge ", message.from, " to ",
                    message.to, " reached ", ledger_.OkOf(message.message).value_or(0),
                    " sessions of ", message.sessions);
  }
}

}  // namespace convergia::sim
