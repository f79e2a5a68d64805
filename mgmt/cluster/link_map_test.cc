#include "mgmt/cluster/link_map.h"

#include <limits>

#include "common/base/status_testing.h"

namespace convergia::mgmt {
namespace {

struct Peer {
  NodeId id;
  uint32_t rtt_us;
  double loss = 0;
};

bool Report(LinkMap& map, NodeId edge, const std::vector<Peer>& peers) {
  v1::LinkReport report;
  for (const Peer& peer : peers) {
    v1::LinkState* link = report.add_links();
    link->set_peer(peer.id);
    link->set_rtt_us(peer.rtt_us);
    link->set_loss(peer.loss);
  }
  return map.Report(edge, std::vector<const v1::LinkState*>(report.links().pointer_begin(),
                                                            report.links().pointer_end()));
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
    EXPECT_EQ(Report(map, 2, {{3, c.rtt_us}}), c.changes) << c.rtt_us;
  }
  EXPECT_EQ(map.Links()[0].rtt_us, 1300);
}

TEST(LinkMapTest, AbsurdReportsAreBroughtIntoBounds) {
  LinkMap map;
  Report(map, 2,
         {{2, 10},
          {0, 10},
          {3, 0},
          {4, std::numeric_limits<uint32_t>::max(), -5},
          {5, 10, std::numeric_limits<double>::quiet_NaN()},
          {3, 77}});
  EXPECT_THAT(map.Links(), testing::ElementsAre(Link{2, 3, 1, 0}, Link{2, 4, LinkMap::kRttUsMax, 0},
                                                Link{2, 5, 10, 1}));
  EXPECT_THAT(map.NeighboursOf(2), testing::ElementsAre(3, 4, 5));
  EXPECT_EQ(map.ReportOf(2).size(), 3);
  EXPECT_TRUE(map.ReportOf(9).empty());
}

}  // namespace
}  // namespace convergia::mgmt
