#include "mgmt/cluster/assignment.h"

#include <limits>
#include <map>

#include "common/base/random.h"
#include "common/base/status_testing.h"

namespace convergia::mgmt {
namespace {

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
    EXPECT_EQ(AssignEdges(c.edges, c.probes, 3), c.chosen) << c.name;
  }
  EXPECT_TRUE(AssignEdges({{1, 0, true}}, {{1, 1}}, 0).empty());
}

TEST(AssignEdgesTest, ManyWhoAllPreferOneEdgeAreSpread) {
  std::vector<EdgeLoad> edges = {{1, 0, true}, {2, 0, true}, {3, 0, true}};
  for (int i = 0; i < 3000; ++i) {
    const std::vector<NodeId> chosen = AssignEdges(edges, {{1, 100}, {2, 900}, {3, 5000}}, 3);
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
