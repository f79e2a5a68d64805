#include "mgmt/views/cluster_queries.h"

#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;

class ClusterQueriesTest : public testing::Test {
 protected:
  ClusterQueriesTest() {
    state_.self = 1;
    AddMember(1, Role::kMgmt, "mgmt");
    for (NodeId id = 2; id <= 4; ++id) {
      AddMember(id, Role::kEdge, absl::StrCat("edge", id));
      Attach(id);
    }
    AddMember(5, Role::kEdge, "edge5");  // Never seen.
    AddMember(6, Role::kDatamgr, "data");
    Attach(6);
  }
  void AddMember(NodeId id, Role role, const std::string& name) {
    state_.members[id] = Member{
        .role = role, .name = name, .node = id, .keys = {{"old" + name, {}}, {"pin" + name, {}}}};
  }
  void Attach(NodeId id) {
    v1::Hello hello;
    hello.set_epoch(7);
    hello.mutable_addresses()->set_line(absl::StrCat("10.0.0.", id, ":64473"));
    ASSERT_OK(state_.liveness.Attach(id, hello, absl::Seconds(100)));
  }
  void SetLoad(NodeId id, uint32_t sessions, bool draining = false) {
    v1::Heartbeat load;
    load.set_sessions(sessions);
    load.set_draining(draining);
    state_.liveness.SetLoad(id, load);
  }
  absl::StatusOr<std::vector<std::string>> AssignNames(absl::string_view rows) {
    CVG_ASSIGN_OR_RETURN(const auto reports, ParseProbeReports(rows));
    CVG_ASSIGN_OR_RETURN(const auto servers, Assign("alice", reports, absl::Seconds(100), &state_));
    std::vector<std::string> names;
    for (const MainServer& server : servers) names.push_back(server.name);
    return names;
  }

  ClusterState state_{9};
};

TEST_F(ClusterQueriesTest, ListsEdgesThatCanBeReached) {
  SetLoad(3, 0, /*draining=*/true);
  state_.liveness.Detach(4, absl::Seconds(100));
  const auto servers = ListMainServers(state_);
  ASSERT_EQ(servers.size(), 3);
  EXPECT_EQ(servers[0].name, "edge2");
  EXPECT_EQ(servers[0].address, "10.0.0.2:64473");
  EXPECT_EQ(servers[0].pin, "pinedge2");
  EXPECT_EQ(servers[0].state, "alive");
  EXPECT_EQ(servers[1].state, "draining");
  EXPECT_EQ(servers[2].state, "suspect");
  state_.liveness.MarkOffline(4);
  state_.members[2].revoked = true;
  EXPECT_EQ(ListMainServers(state_).size(), 1);
}

TEST_F(ClusterQueriesTest, AssignsTheBestOfThoseReported) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       AssignNames("edge2\t900\nEDGE3\t100\nedge4\tunreachable\nnowhere\t1"));
  EXPECT_THAT(names, ElementsAre("edge3", "edge2"));
  EXPECT_EQ(state_.just_assigned[3], 1);
}

TEST_F(ClusterQueriesTest, AnEdgeThatIsReportedOftenIsOfferedOnce) {
  ASSERT_OK_AND_ASSIGN(const auto names, AssignNames("edge2\t900\nedge3\t100\nedge2\t1"));
  EXPECT_THAT(names, ElementsAre("edge3", "edge2"));
  std::string rows = "edge2\t900";
  for (int i = 1; i < 1'000; ++i) rows += "\nedge2\t900";
  EXPECT_OK(ParseProbeReports(rows));
  EXPECT_EQ(FailCodeOf(ParseProbeReports(rows + "\nedge3\t1").status()), FailCode::kBadField);
}

TEST_F(ClusterQueriesTest, CountsThoseItHasJustSentSomewhere) {
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK(AssignNames("edge2\t100\nedge3\t200\nedge4\t300"));
  }
  for (NodeId id = 2; id <= 4; ++id) EXPECT_GT(state_.just_assigned[id], 60) << id;
}

TEST_F(ClusterQueriesTest, RefusesBadReports) {
  struct Case {
    const char* rows;
    FailCode code;
  };
  for (const Case& c : std::vector<Case>{
           {"edge2", FailCode::kBadField},
           {"edge2\t", FailCode::kBadField},
           {"edge2\t-5", FailCode::kBadField},
           {"edge2\t1.5", FailCode::kBadField},
           {"edge2\tfast", FailCode::kBadField},
           {"edge2\t5\t6", FailCode::kBadField},
           {"edge2\t5\n\nedge3\t5", FailCode::kBadField},
           {"edge2\t99999999999999999999999", FailCode::kBadField},
           {"", FailCode::kUnavailable},
           {"nowhere\t5", FailCode::kUnavailable},
           {"edge5\t5", FailCode::kUnavailable},
           {"data\t5", FailCode::kUnavailable},
           {"edge2\tunreachable\nedge3\tunreachable", FailCode::kUnavailable},
       }) {
    const auto names = AssignNames(c.rows);
    ASSERT_FALSE(names.ok()) << c.rows;
    EXPECT_EQ(FailCodeOf(names.status()), c.code) << c.rows;
  }
}

TEST_F(ClusterQueriesTest, AbsurdTimesAndDoublesDoNoHarm) {
  ASSERT_OK_AND_ASSIGN(
      const auto names,
      AssignNames("edge2\t18446744073709551615\nedge3\t0\nedge2\t1\nedge3\tunreachable"));
  EXPECT_THAT(names, ElementsAre("edge3", "edge2"));
}

TEST_F(ClusterQueriesTest, KnowsWhichKeysBelongToWhom) {
  struct Case {
    const char* name;
    const char* pin;
    bool good;
  };
  for (const Case& c : std::vector<Case>{{"edge2", "pinedge2", true},
                                         {"Edge2", "PINEDGE2", true},
                                         {"edge2", "oldedge2", true},
                                         {"edge2", "pinedge3", false},
                                         {"edge9", "pinedge2", false},
                                         {"data", "pindata", false},
                                         {"", "", false}}) {
    EXPECT_EQ(CheckKey(state_, c.name, c.pin).ok(), c.good) << c.name << " " << c.pin;
  }
  state_.members[2].revoked = true;
  EXPECT_EQ(FailCodeOf(CheckKey(state_, "edge2", "pinedge2")), FailCode::kDenied);
}

TEST_F(ClusterQueriesTest, ShowsWhichNodesAreConnectedToDatamgr) {
  v1::Heartbeat load;
  load.add_connected(2);
  load.add_connected(4);
  state_.liveness.SetLoad(6, load);
  const v1::GetClusterMapResponse map =
      GetClusterMap(state_, {absl::FromUnixSeconds(5000), absl::Seconds(103)});
  ASSERT_EQ(map.nodes_size(), 6);
  EXPECT_THAT(map.nodes(5).connected(), ElementsAre(2, 4));
  EXPECT_EQ(map.nodes(1).connected_size(), 0);
}

TEST_F(ClusterQueriesTest, DescribesNodesLinksAndRoutes) {
  const Moment moment = {absl::FromUnixSeconds(5000), absl::Seconds(103)};
  v1::LinkState link;
  link.set_peer(3);
  link.set_rtt_us(77);
  state_.links.Report(2, {&link}, [](NodeId) { return true; });
  state_.routes.Replace(std::vector<Link>{{2, 3, 77}});
  const v1::GetClusterMapResponse map = GetClusterMap(state_, moment);
  ASSERT_EQ(map.nodes_size(), 6);
  EXPECT_EQ(map.nodes(0).liveness(), v1::LIVENESS_ALIVE);
  EXPECT_EQ(map.nodes(1).name(), "edge2");
  EXPECT_EQ(map.nodes(1).epoch(), 7);
  EXPECT_EQ(map.nodes(1).last_heard_ms(), 4997'000);
  EXPECT_EQ(map.nodes(4).liveness(), v1::LIVENESS_OFFLINE);
  EXPECT_EQ(map.nodes(4).last_heard_ms(), 0);
  ASSERT_EQ(map.links_size(), 1);
  EXPECT_EQ(map.links(0).from(), "edge2");
  EXPECT_EQ(map.links(0).to(), "edge3");
  EXPECT_EQ(map.links_total(), 1);
  EXPECT_EQ(map.routes_total(), 2);
  EXPECT_EQ(map.mgmt_epoch(), 9);
}

}  // namespace
}  // namespace convergia::mgmt
