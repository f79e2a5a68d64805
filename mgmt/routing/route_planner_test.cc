#include "mgmt/routing/route_planner.h"

#include <algorithm>
#include <random>
#include <set>

#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

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

std::vector<Link> RandomLinks(Rng* rng, NodeId edges, int percent, uint32_t times) {
  std::vector<Link> links;
  for (NodeId a = 1; a <= edges; ++a) {
    for (NodeId b = a + 1; b <= edges; ++b) {
      const auto rtt_us = static_cast<uint32_t>(1 + (*rng)() % times);
      if ((*rng)() % 100 < percent) links.push_back({a, b, rtt_us});
    }
  }
  return links;
}

std::set<std::pair<NodeId, NodeId>> LinksOf(NodeId from, const Hops& hops) {
  std::set<std::pair<NodeId, NodeId>> links;
  for (const NodeId hop : hops) {
    links.insert(std::minmax(from, hop));
    from = hop;
  }
  return links;
}

// Costs what it says, and ends where it should.
void ExpectIsAWay(const std::vector<Link>& links, NodeId from, NodeId to,
                  const PlannedRoute& route) {
  uint64_t rtt_us = 0;
  for (const auto& ends : LinksOf(from, route.hops)) {
    const auto link = std::find_if(links.begin(), links.end(), [&](const Link& candidate) {
      return std::pair(candidate.a, candidate.b) == ends;
    });
    ASSERT_NE(link, links.end()) << ends.first << "-" << ends.second;
    rtt_us += link->rtt_us;
  }
  EXPECT_EQ(route.rtt_us, rtt_us);
  EXPECT_EQ(route.hops.back(), to);
}

void ExpectAgreesWithBruteForce(const RoutePlanner& planner, const std::vector<Link>& links,
                                NodeId edges) {
  for (NodeId from = 1; from <= edges; ++from) {
    for (NodeId to = 1; to <= edges; ++to) {
      if (from == to) continue;
      SCOPED_TRACE(absl::StrCat("from ", from, " to ", to));
      const PathsByBruteForce paths(links, from, to);
      const std::optional<RoutesTo> found = Find(planner, from, to);
      const auto best = paths.Best({});
      ASSERT_EQ(found.has_value(), best.has_value());
      if (!found) continue;
      EXPECT_EQ(PathsByBruteForce::Key(found->best.hops.size(), found->best.rtt_us), *best);
      ExpectIsAWay(links, from, to, found->best);
      const auto used = LinksOf(from, found->best.hops);
      const auto second = paths.Best(used);
      ASSERT_EQ(found->second.has_value(), second.has_value());
      if (!second) continue;
      EXPECT_EQ(PathsByBruteForce::Key(found->second->hops.size(), found->second->rtt_us), *second);
      ExpectIsAWay(links, from, to, *found->second);
      for (const auto& link : LinksOf(from, found->second->hops)) EXPECT_FALSE(used.contains(link));
    }
  }
}

TEST(RoutePlannerTest, AgreesWithBruteForceOnRandomGraphs) {
  for (uint64_t seed = 1; seed <= 200 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Rng rng(seed);
    // Few different times make many ways equal.
    const std::vector<Link> links = RandomLinks(&rng, 7, 25 + seed % 30, seed % 2 ? 50 : 3);
    ExpectAgreesWithBruteForce(RoutePlanner(links), links, 7);
  }
}

// Links come, go and change their times, one or several at once; only some edges are plotted again.
TEST(RoutePlannerTest, AfterChangesItAgreesWithBruteForceToo) {
  size_t plotted = 0, replaced = 0;
  for (uint64_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) {
    Rng rng(seed);
    std::vector<Link> all = RandomLinks(&rng, 7, 45, 50);
    RoutePlanner planner(all);
    std::vector<bool> is_up(all.size(), true);
    for (int step = 0; step < 20 && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, " step ", step));
      if (rng() % 4 == 0) {  // An edge goes or comes with all its links.
        const NodeId edge = 1 + rng() % 7;
        const bool comes = rng() % 2 == 0;
        for (size_t i = 0; i < all.size(); ++i) {
          if (all[i].a == edge || all[i].b == edge) is_up[i] = comes;
        }
      }
      for (uint64_t changes = rng() % 4; changes > 0; --changes) {
        const size_t i = rng() % all.size();
        if (rng() % 2 == 0) {
          is_up[i] = !is_up[i];
        } else {
          all[i].rtt_us = static_cast<uint32_t>(1 + rng() % 50);
        }
      }
      std::vector<Link> links;
      for (size_t i = 0; i < all.size(); ++i) {
        if (is_up[i]) links.push_back(all[i]);
      }
      planner.Replace(links);
      plotted += planner.plotted_count();
      replaced += planner.edges().size();
      ExpectAgreesWithBruteForce(planner, links, 7);
    }
  }
  EXPECT_LT(plotted, replaced);
}

std::vector<std::pair<size_t, uint64_t>> CostsOf(const std::vector<RoutesTo>& routes) {
  std::vector<std::pair<size_t, uint64_t>> costs;
  for (const RoutesTo& to : routes) {
    costs.emplace_back(to.best.hops.size(), to.best.rtt_us);
    costs.emplace_back(to.second ? to.second->hops.size() : 0, to.second ? to.second->rtt_us : 0);
  }
  return costs;
}

// Searching backward from the destination, without any guide: slow, and nothing to get wrong.
std::pair<size_t, uint64_t> CheapestAvoiding(const std::vector<Link>& links, NodeId edges,
                                             NodeId from, NodeId to, const Hops& avoided) {
  const auto banned = LinksOf(from, avoided);
  using Cost = std::pair<size_t, uint64_t>;
  const Cost never = {limits::kRouteEdgesMax + 1, 0};
  std::vector<Cost> costs(edges + 1, never);
  costs[to] = {0, 0};
  for (int hops = 1; hops <= limits::kRouteEdgesMax; ++hops) {
    const std::vector<Cost> before = costs;
    for (const Link& link : links) {
      if (banned.contains({link.a, link.b})) continue;
      for (const auto& [at, next] : {std::pair(link.a, link.b), std::pair(link.b, link.a)}) {
        if (before[next] == never) continue;
        costs[at] =
            std::min(costs[at], Cost(before[next].first + 1, before[next].second + link.rtt_us));
      }
    }
  }
  return costs[from] == never ? Cost(0, 0) : costs[from];
}

// Where the search of second ways goes astray: regions joined by few links, long rings, ladders.
TEST(RoutePlannerTest, SecondRoutesAreTheBestThereAreInAwkwardShapes) {
  Rng rng(7);
  const auto time = [&] { return static_cast<uint32_t>(1 + rng() % 1000); };
  std::vector<std::vector<Link>> shapes;
  for (int joints = 1; joints <= 3; ++joints) {  // Two regions of 20.
    std::vector<Link>& links = shapes.emplace_back(RandomLinks(&rng, 20, 20, 1000));
    for (Link link : RandomLinks(&rng, 20, 20, 1000)) {
      links.push_back({link.a + 20, link.b + 20, link.rtt_us});
    }
    for (NodeId i = 1; i <= joints; ++i) links.push_back({3 * i, 20 + 5 * i, time()});
  }
  std::vector<Link>& ladder = shapes.emplace_back();
  for (NodeId i = 1; i < 15; ++i) ladder.push_back({i, i + 1, time()});
  for (NodeId i = 21; i < 35; ++i) ladder.push_back({i, i + 1, time()});
  for (NodeId i = 1; i <= 15; ++i) ladder.push_back({i, i + 20, time()});
  std::vector<Link>& ring = shapes.emplace_back();
  for (NodeId i = 0; i < 40; ++i) {
    ring.push_back({i + 1, (i + 1) % 40 + 1, time()});
    ring.push_back({i + 1, (i + 3) % 40 + 1, time()});
  }
  for (size_t shape = 0; shape < shapes.size() && !testing::Test::HasFailure(); ++shape) {
    SCOPED_TRACE(absl::StrCat("shape ", shape));
    std::vector<Link> links = shapes[shape];
    for (Link& link : links) {
      if (link.a > link.b) std::swap(link.a, link.b);
    }
    const RoutePlanner planner(links);
    for (const NodeId from : planner.edges()) {
      for (const RoutesTo& to : planner.PlanFrom(from)) {
        SCOPED_TRACE(absl::StrCat("from ", from, " to ", to.destination));
        const std::vector<RoutesTo> one = {to};
        EXPECT_EQ(CostsOf(one)[0], CheapestAvoiding(links, 40, from, to.destination, {}));
        EXPECT_EQ(CostsOf(one)[1], CheapestAvoiding(links, 40, from, to.destination, to.best.hops));
        if (to.second) ExpectIsAWay(links, from, to.destination, *to.second);
      }
    }
  }
}

TEST(RoutePlannerTest, SaysWhoseWaysChanged) {
  RoutePlanner planner;
  EXPECT_EQ(planner.Replace(std::vector<Link>{{1, 2, 5}, {2, 3, 5}, {8, 9, 5}}),
            (std::vector<NodeId>{1, 2, 3, 8, 9}));
  // No other way for anyone, so another time changes none.
  EXPECT_TRUE(planner.Replace(std::vector<Link>{{1, 2, 5}, {2, 3, 9}, {8, 9, 5}}).empty());
  EXPECT_EQ(planner.CostOf(1, 3), 2 * kOneHop + 14);
  // A third link within the island concerns nobody else.
  EXPECT_EQ(planner.Replace(std::vector<Link>{{1, 2, 5}, {1, 3, 5}, {2, 3, 9}, {8, 9, 5}}),
            (std::vector<NodeId>{1, 2, 3}));
  EXPECT_EQ(planner.plotted_count(), 3);
  // Those that have left are told, too, and nobody else.
  EXPECT_EQ(planner.Replace(std::vector<Link>{{1, 2, 5}, {1, 3, 5}, {2, 3, 9}}),
            (std::vector<NodeId>{8, 9}));
  EXPECT_EQ(planner.edges(), (std::vector<NodeId>{1, 2, 3}));
  EXPECT_EQ(planner.CostOf(8, 9), kNoRoute);
  EXPECT_EQ(planner.CostOf(8, 8), 0);
  EXPECT_TRUE(planner.MessageFor(8).destinations().empty());
}

// As an edge reads it.
std::vector<RoutesTo> Unpack(const v1::Routes& message) {
  std::vector<RoutesTo> routes;
  int next = 0;
  for (int i = 0; i < message.destinations_size(); ++i) {
    RoutesTo& to = routes.emplace_back();
    to.destination = message.destinations(i);
    if (message.before(i) > 0) to.best.hops = routes.at(message.before(i) - 1).best.hops;
    to.best.hops.push_back(to.destination);
    if (message.second_hops(i) == 0) continue;
    to.second.emplace();
    for (int hop = 1; hop < message.second_hops(i); ++hop) {
      to.second->hops.push_back(message.destinations(message.second_edges(next++) - 1));
    }
    to.second->hops.push_back(to.destination);
  }
  EXPECT_EQ(next, message.second_edges_size());
  return routes;
}

// After any edges come and go, the routes equal those of a planner that sees all links at once,
// also if so many come or go that everything is plotted again.
TEST(RoutePlannerTest, EdgesThatComeAndGoLeaveNothingBehind) {
  Rng rng(5);
  const std::vector<Link> all = RandomLinks(&rng, 60, 8, 1000);
  RoutePlanner planner;
  std::set<NodeId> present;
  for (int step = 0; step < 40 && !testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    for (uint64_t changes = step % 5 == 0 ? 40 : rng() % 4; changes > 0; --changes) {
      const NodeId edge = 1 + rng() % 60;
      if (!present.erase(edge)) present.insert(edge);
    }
    std::vector<Link> links;
    for (const Link& link : all) {
      if (present.contains(link.a) && present.contains(link.b)) links.push_back(link);
    }
    planner.Replace(links);
    const RoutePlanner fresh(links);
    ASSERT_EQ(planner.edges(), fresh.edges());
    for (NodeId edge = 1; edge <= 60; ++edge) {
      ASSERT_EQ(CostsOf(planner.PlanFrom(edge)), CostsOf(fresh.PlanFrom(edge))) << edge;
      for (const RoutesTo& to : planner.PlanFrom(edge)) {
        ExpectIsAWay(links, edge, to.destination, to.best);
        if (to.second) ExpectIsAWay(links, edge, to.destination, *to.second);
      }
    }
  }
}

TEST(RoutePlannerTest, MessagesSayWhatIsPlotted) {
  Rng rng(3);
  std::vector<Link> links = RandomLinks(&rng, 30, 10, 1000);
  for (Link& link : links) link.b += 1000;  // Numbers of any size.
  const RoutePlanner planner(links);
  for (const NodeId origin : planner.edges()) {
    std::vector<RoutesTo> told = Unpack(planner.MessageFor(origin));
    std::sort(told.begin(), told.end(),
              [](const auto& x, const auto& y) { return x.destination < y.destination; });
    std::vector<RoutesTo> plotted = planner.PlanFrom(origin);
    for (RoutesTo& to : plotted) {
      to.best.rtt_us = 0;
      if (to.second) to.second->rtt_us = 0;
    }
    EXPECT_EQ(told, plotted);
  }
}

TEST(RoutePlannerTest, VersionsAreOfTheWaysAlone) {
  const RoutePlanner before(std::vector<Link>{{1, 2, 5}, {2, 3, 5}});
  const RoutePlanner slower(std::vector<Link>{{1, 2, 50}, {2, 3, 5}});
  const RoutePlanner other(std::vector<Link>{{1, 2, 5}, {1, 3, 5}});
  EXPECT_EQ(before.MessageFor(1).version(), slower.MessageFor(1).version());
  EXPECT_NE(before.MessageFor(1).version(), other.MessageFor(1).version());
  EXPECT_NE(before.MessageFor(1).version(), before.MessageFor(2).version());
  EXPECT_NE(before.MessageFor(9).version(), 0);
}

}  // namespace
}  // namespace convergia::mgmt
