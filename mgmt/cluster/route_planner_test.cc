#include "mgmt/cluster/route_planner.h"

#include <random>
#include <set>

#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/base/status_testing.h"

namespace convergia::mgmt {
namespace {

using Hops = std::vector<NodeId>;

std::optional<RoutesTo> Find(const RoutePlanner& planner, NodeId from, NodeId to) {
  for (const RoutesTo& routes : planner.PlanFrom(from)) {
    if (routes.destination == to) return routes;
  }
  return std::nullopt;
}

TEST(RoutePlannerTest, PlansTheBestAndADisjointSecond) {
  struct Case {
    const char* name;
    std::vector<Link> links;
    std::optional<Hops> best, second;  // From 1 to 4.
  };
  for (const Case& c : std::vector<Case>{
           {"no links", {}, {}, {}},
           {"not reachable", {{1, 2, 5}, {3, 4, 5}}, {}, {}},
           {"direct", {{1, 4, 5}}, Hops{4}, {}},
           {"a hop less beats a shorter time",
            {{1, 4, 9000}, {1, 2, 5}, {2, 4, 5}},
            Hops{4},
            Hops{2, 4}},
           {"of equal hops the shorter time",
            {{1, 2, 50}, {2, 4, 50}, {1, 3, 20}, {3, 4, 20}},
            Hops{3, 4},
            Hops{2, 4}},
           {"of equal times the smaller ids",
            {{1, 3, 10}, {3, 4, 10}, {1, 2, 10}, {2, 4, 10}},
            Hops{2, 4},
            Hops{3, 4}},
           {"a shared link is no second way",
            {{1, 2, 5}, {2, 4, 5}, {2, 3, 5}, {3, 4, 5}},
            Hops{2, 4},
            {}},
           {"doubles and loops are ignored",
            {{1, 4, 5}, {4, 1, 5}, {1, 1, 1}, {1, 4, 3}},
            Hops{4},
            {}},
       }) {
    SCOPED_TRACE(c.name);
    const std::optional<RoutesTo> found = Find(RoutePlanner(c.links), 1, 4);
    ASSERT_EQ(found.has_value(), c.best.has_value());
    if (!found) continue;
    EXPECT_EQ(found->best.hops, *c.best);
    ASSERT_EQ(found->second.has_value(), c.second.has_value());
    if (c.second) {
      EXPECT_EQ(found->second->hops, *c.second);
    }
  }
}

TEST(RoutePlannerTest, SumsRoundTripTimesAndEndsAtTheBoundOfHops) {
  std::vector<Link> chain;
  const NodeId edges = limits::kRouteEdgesMax + 3;
  for (NodeId id = 1; id < edges; ++id) chain.push_back({id, id + 1, 4'000'000'000});
  const std::vector<RoutesTo> routes = RoutePlanner(chain).PlanFrom(1);
  ASSERT_EQ(routes.size(), limits::kRouteEdgesMax);
  EXPECT_EQ(routes.back().best.rtt_us, limits::kRouteEdgesMax * 4'000'000'000ull);
  EXPECT_TRUE(RoutePlanner(chain).PlanFrom(99).empty());
}

// Against every simple path of small random graphs.
class PathsByBruteForce {
 public:
  PathsByBruteForce(const std::vector<Link>& links, NodeId from, NodeId to) : links_(links) {
    Walk(from, to, {}, {}, 0);
  }
  using Key = std::pair<size_t, uint64_t>;  // (hops, rtt): less is better.
  std::optional<Key> Best(const std::set<std::pair<NodeId, NodeId>>& banned) const {
    std::optional<Key> best;
    for (const auto& [key, used] : paths_) {
      bool free = true;
      for (const auto& link : used) free &= !banned.contains(link);
      if (free && (!best || key < *best)) best = key;
    }
    return best;
  }

 private:
  using Ends = std::set<std::pair<NodeId, NodeId>>;
  void Walk(NodeId at, NodeId to, std::set<NodeId> seen, Ends used, uint64_t rtt) {
    seen.insert(at);
    if (at == to) {
      paths_.push_back({{used.size(), rtt}, used});
      return;
    }
    for (const Link& link : links_) {
      if (link.a != at && link.b != at) continue;
      const NodeId next = link.a == at ? link.b : link.a;
      if (seen.contains(next)) continue;
      Ends longer = used;
      longer.insert(std::minmax(link.a, link.b));
      Walk(next, to, seen, longer, rtt + link.rtt_us);
    }
  }
  const std::vector<Link>& links_;
  std::vector<std::pair<Key, Ends>> paths_;
};

TEST(RoutePlannerTest, AgreesWithBruteForceOnRandomGraphs) {
  const uint64_t seed = 20240611;
  Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " round ", round));
    std::vector<Link> links;
    for (NodeId a = 1; a <= 6; ++a) {
      for (NodeId b = a + 1; b <= 6; ++b) {
        if (rng() % 100 < 45) links.push_back({a, b, static_cast<uint32_t>(1 + rng() % 50)});
      }
    }
    const RoutePlanner planner(links);
    for (NodeId to = 2; to <= 6; ++to) {
      const PathsByBruteForce paths(links, 1, to);
      const std::optional<RoutesTo> found = Find(planner, 1, to);
      const auto best = paths.Best({});
      ASSERT_EQ(found.has_value(), best.has_value());
      if (!found) continue;
      EXPECT_EQ(found->best.hops.size(), best->first);
      EXPECT_EQ(found->best.rtt_us, best->second);
      std::set<std::pair<NodeId, NodeId>> used;
      NodeId at = 1;
      for (const NodeId hop : found->best.hops) {
        used.insert(std::minmax(at, hop));
        at = hop;
      }
      EXPECT_EQ(at, to);
      const auto second = paths.Best(used);
      ASSERT_EQ(found->second.has_value(), second.has_value());
      if (second) {
        EXPECT_EQ(found->second->hops.size(), second->first);
        EXPECT_EQ(found->second->rtt_us, second->second);
      }
    }
  }
}

}  // namespace
}  // namespace convergia::mgmt
