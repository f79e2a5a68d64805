#include "mgmt/cluster/route_planner.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/limits.h"

namespace convergia::mgmt {

RoutePlanner::RoutePlanner(absl::Span<const Link> links) {
  for (const Link& link : links) {
    ids_.push_back(link.a);
    ids_.push_back(link.b);
  }
  std::sort(ids_.begin(), ids_.end());
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  arms_.resize(ids_.size());
  std::set<std::pair<NodeId, NodeId>> seen;
  for (const Link& link : links) {
    if (link.a == link.b || !seen.insert(std::minmax(link.a, link.b)).second) continue;
    const int a = IndexOf(link.a), b = IndexOf(link.b);
    arms_[a].push_back({b, link_count_, link.rtt_us});
    arms_[b].push_back({a, link_count_, link.rtt_us});
    ++link_count_;
  }
}

int RoutePlanner::IndexOf(NodeId id) const {
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
  return found != ids_.end() && *found == id ? static_cast<int>(found - ids_.begin()) : -1;
}

// Level by level, as hops count first. Within a level edges are visited in the order of their
// numbers, so of equal ways the one through the smallest edge is kept.
void RoutePlanner::Spread(int origin, int target, const std::vector<bool>& banned,
                          std::vector<Reached>* reached) const {
  reached->assign(ids_.size(), Reached());
  (*reached)[origin].hops = 0;
  std::vector<int> level = {origin}, next;
  for (int hops = 1; hops <= limits::kRouteEdgesMax && !level.empty(); ++hops) {
    next.clear();
    for (const int from : level) {
      const uint64_t rtt_so_far = (*reached)[from].rtt_us;
      for (const Arm& arm : arms_[from]) {
        if (banned[arm.link]) continue;
        Reached& there = (*reached)[arm.to];
        if (there.hops == -1) {
          there = {hops, rtt_so_far + arm.rtt_us, from, arm.link};
          next.push_back(arm.to);
        } else if (there.hops == hops && rtt_so_far + arm.rtt_us < there.rtt_us) {
          there = {hops, rtt_so_far + arm.rtt_us, from, arm.link};
        }
      }
    }
    if (target != -1 && (*reached)[target].hops != -1) return;
    std::sort(next.begin(), next.end());
    std::swap(level, next);
  }
}

PlannedRoute RoutePlanner::Trace(int destination, const std::vector<Reached>& reached,
                                 std::vector<int>* links) const {
  PlannedRoute route;
  route.rtt_us = reached[destination].rtt_us;
  for (int at = destination; reached[at].from != -1; at = reached[at].from) {
    route.hops.push_back(ids_[at]);
    links->push_back(reached[at].link);
  }
  std::reverse(route.hops.begin(), route.hops.end());
  return route;
}

std::vector<RoutesTo> RoutePlanner::PlanFrom(NodeId origin_id) const {
  std::vector<RoutesTo> routes;
  const int origin = IndexOf(origin_id);
  if (origin == -1) return routes;
  std::vector<bool> banned(link_count_, false);
  std::vector<Reached> reached, around;
  Spread(origin, /*target=*/-1, banned, &reached);
  std::vector<int> used;
  for (int to = 0; to < ids_.size(); ++to) {
    if (to == origin || reached[to].hops == -1) continue;
    RoutesTo& found = routes.emplace_back();
    found.destination = ids_[to];
    used.clear();
    found.best = Trace(to, reached, &used);
    for (const int link : used) banned[link] = true;
    Spread(origin, to, banned, &around);
    for (const int link : used) banned[link] = false;
    if (around[to].hops != -1) found.second = Trace(to, around, &used);
  }
  return routes;
}

}  // namespace convergia::mgmt
