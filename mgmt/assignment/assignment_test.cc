#include "mgmt/assignment/assignment.h"

#include <limits>
#include <map>

#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

double OneLinkEach(NodeId from, NodeId to) { return from == to ? 0 : 1; }

std::vector<NodeId> Assign(const std::vector<EdgeLoad>& edges, const std::vector<Probe>& probes,
                           int count, const std::vector<Pull>& pulls = {}) {
  return AssignEdges(edges, probes, pulls, OneLinkEach, count);
}

TEST(AssignEdgesTest, GoesWhereThePeersAreUnlessThatIsFarOrFull) {
  const std::vector<EdgeLoad> edges = {{1, 100, true}, {2, 100, true}, {3, 100, true}};
  const std::vector<Pull> friends = {{{2}, 50'000}, {{3}, 20'000}, {{1, 3}, 10'000}, {{}, 90'000}};
  EXPECT_EQ(Assign(edges, {{1, 200}, {2, 900}, {3, 300}}, 3, friends)[0], 2);
  EXPECT_EQ(Assign(edges, {{1, 200}, {3, 300}}, 3, friends)[0], 3);
  EXPECT_EQ(Assign(edges, {{1, 200}, {2, 90'000}, {3, 80'000}}, 3, friends)[0], 1) << "too far";
  EXPECT_EQ(Assign({{1, 100, true}, {2, 190, true}}, {{1, 200}, {2, 200}}, 3, friends)[0], 1)
      << "full";
  EXPECT_EQ(Assign(edges, {{1, 200}, {2, 900}, {3, 300}}, 3, {{{2}, 10}})[0], 1)
      << "a few bytes are no reason";
}

TEST(AssignEdgesTest, WhoReachesAnEdgeBehindAWallIsInsideAndStaysThere) {
  const std::vector<EdgeLoad> edges = {{1, 0, true},
                                       {.id = 2, .sessions = 500, .alive = true, .walled = true}};
  EXPECT_EQ(Assign(edges, {{1, 100}, {2, 900}}, 3), (std::vector<NodeId>{2, 1}));
  EXPECT_EQ(Assign(edges, {{1, 100}}, 3), (std::vector<NodeId>{1}));
}

TEST(AssignEdgesTest, ChoosesByDistanceLoadAndState) {
  struct Case {
    const char* name;
    std::vector<EdgeLoad> edges;
    std::vector<Probe> probes;
    std::vector<NodeId> chosen;
  };
  for (const Case& c : std::vector<Case>{
           {"nothing reached", {{1, 0, true}}, {}, {}},
           {"unknown edges are ignored", {{1, 0, true}}, {{9, 5}}, {}},
           {"nearest first",
            {{1, 0, true}, {2, 0, true}, {3, 0, true}},
            {{1, 900}, {2, 100}, {3, 500}},
            {2, 3, 1}},
           {"at most three",
            {{1, 0, true}, {2, 0, true}, {3, 0, true}, {4, 0, true}},
            {{1, 1}, {2, 2}, {3, 3}, {4, 4}},
            {1, 2, 3}},
           {"equal distance: the emptier",
            {{1, 10, true}, {2, 2, true}},
            {{1, 50}, {2, 50}},
            {2, 1}},
           {"suspect ones last", {{1, 0, false}, {2, 0, true}}, {{1, 1}, {2, 90'000}}, {2, 1}},
           {"draining never", {{1, 0, true, true}, {2, 0, true}}, {{1, 1}, {2, 2}}, {2}},
           {"none above 1.1 of the mean and slack",
            {{1, 200, true}, {2, 100, true}},
            {{1, 1}, {2, 90'000}},
            {2}},
           {"the full one if no other is reached", {{1, 200, true}, {2, 100, true}}, {{1, 1}}, {1}},
           {"the first of two probes counts; absurd times are just far",
            {{1, 0, true}, {2, 0, true}},
            {{1, std::numeric_limits<uint32_t>::max()}, {2, 70}, {1, 1}},
            {2, 1}},
       }) {
    EXPECT_EQ(Assign(c.edges, c.probes, 3), c.chosen) << c.name;
  }
  EXPECT_TRUE(Assign({{1, 0, true}}, {{1, 1}}, 0).empty());
}

TEST(AssignEdgesTest, ManyWhoAllPreferOneEdgeAreSpread) {
  std::vector<EdgeLoad> edges = {{1, 0, true}, {2, 0, true}, {3, 0, true}};
  for (int i = 0; i < 3000; ++i) {
    const std::vector<NodeId> chosen = Assign(edges, {{1, 100}, {2, 900}, {3, 5000}}, 3);
    ASSERT_FALSE(chosen.empty());
    ++edges[chosen[0] - 1].sessions;
  }
  for (const EdgeLoad& edge : edges) {
    EXPECT_LE(edge.sessions, 1.1 * 1000 + 21) << edge.id;
    EXPECT_GT(edge.sessions, 700) << edge.id;
  }
}

}  // namespace
}  // namespace convergia::mgmt
