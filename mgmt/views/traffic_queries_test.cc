#include "mgmt/views/traffic_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "mgmt/assignment/move_planner.h"
#include "mgmt/views/cluster_queries.h"

namespace convergia::mgmt {
namespace {

using ::testing::IsEmpty;

class TrafficQueriesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const NodeId id : {1, 2, 3}) {
      state_.members[id] = Member{.role = Role::kEdge,
                                  .name = absl::StrCat("edge", id),
                                  .node = id,
                                  .keys = {{absl::StrCat("pin", id), {}}}};
      v1::Hello hello;
      hello.set_epoch(7);
      hello.mutable_addresses()->set_line(absl::StrCat("10.0.0.", id, ":64473"));
      ASSERT_OK(state_.liveness.Attach(id, hello, now_));
    }
    state_.routes.Replace(std::vector<Link>{{1, 2, 1'000}, {2, 3, 59'000}});
  }
  void SignIn(const std::string& user, NodeId edge) {
    users_[edge].push_back(user);
    v1::LocationReport report;
    report.set_whole(true);
    report.set_version(users_[edge].size());
    for (const std::string& name : users_[edge]) {
      v1::LocationChange* const change = report.add_changes();
      change->set_username(name);
      change->set_sessions(1);
    }
    ASSERT_EQ(state_.directory.Apply(edge, 7, report), Directory::Applied::kAnnounced);
  }
  int Report(NodeId edge, const std::string& from, const std::string& to, uint64_t bytes) {
    v1::TrafficReport report;
    v1::Talker* talker = report.add_talkers();
    talker->set_username(from);
    talker->add_peers(to);
    talker->add_bytes(bytes);
    report.set_bytes_within(bytes / 4);
    report.set_bytes_across(bytes - bytes / 4);
    return TakeTraffic(edge, report, now_, &state_);
  }
  std::string Best(const std::string& user) {
    const auto servers =
        Assign(user, {{"edge1", 100}, {"edge2", 100}, {"edge3", 100}}, now_, &state_);
    return servers.ok() ? servers->front().name : servers.status().ToString();
  }

  absl::Duration now_ = absl::Hours(1);
  std::map<NodeId, std::vector<std::string>> users_;
  ClusterState state_{9};
};

TEST_F(TrafficQueriesTest, AssignsToWhereThePeersAre) {
  SignIn("alice", 1);
  SignIn("bob", 3);
  EXPECT_EQ(Report(1, "alice", "bob", 100'000), 0);
  EXPECT_EQ(Best("alice"), "edge3");
  EXPECT_EQ(Best("bob"), "edge1");
}

TEST_F(TrafficQueriesTest, WhatAnEdgeSaysOfOtherPeoplesUsersIsIgnored) {
  SignIn("alice", 1);
  SignIn("bob", 3);
  EXPECT_EQ(Report(2, "alice", "bob", 100'000), 1);
  EXPECT_EQ(Report(1, "nobody", "bob", 100'000), 1);
  EXPECT_EQ(Report(1, "alice", "No Name", 100'000), 0);
  v1::TrafficReport uneven;
  uneven.add_talkers()->set_username("alice");
  uneven.mutable_talkers(0)->add_peers("bob");
  EXPECT_EQ(TakeTraffic(1, uneven, now_, &state_), 1);
  EXPECT_EQ(state_.traffic.users(), 0);
}

TEST_F(TrafficQueriesTest, RoutesCostTheirLinksAndALittleForTheirTime) {
  EXPECT_EQ(CostOfRoute(state_, 1, 1), 0);
  EXPECT_NEAR(CostOfRoute(state_, 1, 2), 1.05, 0.001);
  EXPECT_NEAR(CostOfRoute(state_, 1, 3), 5, 0.001);
  EXPECT_GT(CostOfRoute(state_, 2, 4), 10) << "no way is known";
}

TEST_F(TrafficQueriesTest, TellsOfSharesNowAndByLeastConnections) {
  SignIn("alice", 1);
  SignIn("bob", 3);
  SignIn("carol", 3);
  Report(1, "alice", "bob", 100'000);
  Report(3, "bob", "carol", 300'000);
  const v1::GetTrafficResponse traffic = GetTraffic(state_, now_);
  EXPECT_NEAR(traffic.across_share(), 0.75, 0.001);
  EXPECT_NEAR(traffic.remembered_across_share(), 0.25, 0.001);
  EXPECT_NEAR(traffic.least_connections_across_share(), 2.0 / 3, 0.001);
  EXPECT_EQ(traffic.users_remembered(), 3);
  ASSERT_EQ(traffic.edges_size(), 3);
  EXPECT_EQ(traffic.edges(2).users(), 2);
  EXPECT_GT(traffic.bytes_per_second(), 0);
}

TEST_F(TrafficQueriesTest, ADrainingEdgesUsersGoWhereTheyReachAndItIsNeverNamed) {
  SignIn("alice", 1);
  SignIn("bob", 3);
  ASSERT_OK(Assign("alice", {{"edge1", 1}, {"edge3", 9'000}}, now_, &state_));
  v1::Heartbeat load;
  load.set_draining(true);
  load.set_drain_left_ms(10'000);
  state_.liveness.SetLoad(1, load);
  EXPECT_NE(Best("carol"), "edge1");
  MovePlanner mover({});
  const MovePlanner::Orders orders = mover.Tick(now_, &state_);
  ASSERT_EQ(orders.moves.size(), 1);
  EXPECT_EQ(orders.moves[0].user, "alice");
  EXPECT_EQ(orders.moves[0].to, 3);
  EXPECT_THAT(orders.nowhere, IsEmpty());
  EXPECT_EQ(state_.drain_moves, 1);
}

TEST_F(TrafficQueriesTest, WithNoOtherEdgeThereIsNowhereToGo) {
  SignIn("alice", 1);
  v1::Heartbeat load;
  load.set_draining(true);
  for (const NodeId edge : {1, 2, 3}) state_.liveness.SetLoad(edge, load);
  MovePlanner mover({});
  const MovePlanner::Orders orders = mover.Tick(now_, &state_);
  EXPECT_THAT(orders.moves, IsEmpty());
  EXPECT_THAT(orders.nowhere, testing::ElementsAre(1));
}

}  // namespace
}  // namespace convergia::mgmt
