#include "mgmt/routing/link_map.h"

#include <limits>

#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

struct Peer {
  NodeId id;
  uint32_t rtt_us;
  double loss = 0;
};

// Edges have the numbers 2 to 9.
LinkMap::Outcome Tell(LinkMap& map, NodeId edge, const std::vector<Peer>& peers) {
  v1::LinkReport report;
  for (const Peer& peer : peers) {
    v1::LinkState* link = report.add_links();
    link->set_peer(peer.id);
    link->set_rtt_us(peer.rtt_us);
    link->set_loss(peer.loss);
  }
  return map.Report(edge,
                    std::vector<const v1::LinkState*>(report.links().pointer_begin(),
                                                      report.links().pointer_end()),
                    [](NodeId peer) { return 2 <= peer && peer <= 9; });
}

bool Report(LinkMap& map, NodeId edge, const std::vector<Peer>& peers) {
  return Tell(map, edge, peers).links_changed;
}

TEST(LinkMapTest, ALinkIsUpUnlessAnEndThatSpokeDeniesIt) {
  LinkMap map;
  EXPECT_TRUE(Report(map, 2, {{3, 500}}));
  EXPECT_THAT(map.Links(), testing::ElementsAre(Link{2, 3, 500, 0}));
  EXPECT_TRUE(Report(map, 3, {}));
  EXPECT_TRUE(map.Links().empty());
  EXPECT_TRUE(Report(map, 3, {{2, 700}}));
  EXPECT_THAT(map.Links(), testing::ElementsAre(Link{2, 3, 700, 0}));
  EXPECT_TRUE(map.Forget(3));
  EXPECT_THAT(map.Links(), testing::ElementsAre(Link{2, 3, 500, 0}));
  EXPECT_TRUE(map.AnyoneReaches(3));
  EXPECT_FALSE(map.AnyoneReaches(2));
  EXPECT_FALSE(map.Forget(3));
}

TEST(LinkMapTest, NoiseInRoundTripTimesChangesNothing) {
  LinkMap map;
  Report(map, 2, {{3, 1000}});
  struct Case {
    uint32_t rtt_us;
    bool changes;
  };
  for (const Case& c :
       std::vector<Case>{{1100, false}, {900, false}, {1240, false}, {1300, true}, {1000, false}}) {
    const LinkMap::Outcome outcome = Tell(map, 2, {{3, c.rtt_us}});
    EXPECT_FALSE(outcome.links_changed);
    EXPECT_EQ(outcome.times_changed, c.changes) << c.rtt_us;
  }
  EXPECT_EQ(map.Links()[0].rtt_us, 1300);
}

TEST(LinkMapTest, TimesMayBeAsLongAsALinkLives) {
  EXPECT_EQ(absl::Microseconds(LinkMap::kRttUsMax), limits::kLinkDeadAfter);
}

TEST(LinkMapTest, RowsThatCannotBeTrueAreRefusedAndTheOthersCount) {
  constexpr uint32_t kHourUs = 3'600'000'000;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    const char* what;
    Peer row;
  } cases[] = {
      {"to itself", {2, 10}},
      {"to nobody", {0, 10}},
      {"to a stranger", {77, 10}},
      {"no time", {3, 0}},
      {"an hour", {3, kHourUs}},
      {"a little too long", {3, LinkMap::kRttUsMax + 1}},
      {"negative loss", {3, 10, -0.1}},
      {"more than all lost", {3, 10, 1.01}},
      {"a loss that is no number", {3, 10, nan}},
      {"twice", {4, 20}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    LinkMap map;
    const LinkMap::Outcome outcome = Tell(map, 2, {{4, 10}, c.row, {5, LinkMap::kRttUsMax, 1}});
    EXPECT_EQ(outcome.refused, 1);
    EXPECT_FALSE(outcome.why.empty());
    EXPECT_THAT(map.Links(),
                testing::ElementsAre(Link{2, 4, 10, 0}, Link{2, 5, LinkMap::kRttUsMax, 1}));
    EXPECT_THAT(map.NeighboursOf(2), testing::ElementsAre(4, 5));
    EXPECT_THAT(map.NeighboursOf(4), testing::ElementsAre(2));
  }
}

TEST(LinkMapTest, AReportOfFarTooManyRowsChangesNothing) {
  LinkMap map;
  Tell(map, 2, {{3, 10}});
  const LinkMap::Outcome outcome = Tell(map, 2, std::vector<Peer>(100'000, Peer{4, 10}));
  EXPECT_EQ(outcome.refused, 100'000);
  EXPECT_FALSE(outcome.links_changed);
  EXPECT_THAT(map.Links(), testing::ElementsAre(Link{2, 3, 10, 0}));
  EXPECT_TRUE(map.ReportOf(9).empty());
}

TEST(LinkMapTest, WhoInventsALinkHasNone) {
  LinkMap map;
  Tell(map, 2, {});
  Tell(map, 3, {{2, 10}});
  EXPECT_TRUE(map.Links().empty());
  EXPECT_TRUE(map.NeighboursOf(2).empty());
  EXPECT_TRUE(map.NeighboursOf(3).empty());
}

}  // namespace
}  // namespace convergia::mgmt
