#include "mgmt/assignment/traffic_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

double BytesBetween(const TrafficGraph& graph, absl::string_view a, absl::string_view b,
                    absl::Duration now) {
  const TrafficGraph::User user = graph.Find(a);
  if (user == TrafficGraph::kNobody) return 0;
  for (const TrafficGraph::Peer& peer : graph.PeersOf(user)) {
    if (graph.NameOf(peer.user) == b) return graph.Bytes(peer.weight, now);
  }
  return 0;
}

TEST(TrafficGraphTest, BothEndsKnowAndBytesFade) {
  TrafficGraph graph({.half_life = absl::Minutes(10)});
  graph.Add("alice", "bob", 1'000, absl::Minutes(5));
  graph.Add("bob", "alice", 1'000, absl::Minutes(15));
  EXPECT_NEAR(BytesBetween(graph, "alice", "bob", absl::Minutes(15)), 1'500, 1);
  EXPECT_NEAR(BytesBetween(graph, "bob", "alice", absl::Minutes(25)), 750, 1);
  EXPECT_EQ(graph.Find("carol"), TrafficGraph::kNobody);
}

TEST(TrafficGraphTest, WhatOneSaysToOneselfIsNoConversation) {
  TrafficGraph graph({});
  graph.Add("alice", "alice", 1'000, absl::Minutes(5));
  graph.Add("alice", "bob", 0, absl::Minutes(5));
  EXPECT_EQ(graph.users(), 0);
}

TEST(TrafficGraphTest, HeavyPeersStayAmongAnyNumberOfLightOnes) {
  TrafficGraph graph({.peers_max = 4});
  absl::Duration now = absl::Minutes(1);
  for (int i = 0; i < 1'000; ++i, now += absl::Seconds(1)) {
    graph.Add("alice", "bob", 1'000, now);
    graph.Add("alice", "carol", 800, now);
    graph.Add("alice", absl::StrCat("stranger", i), 100, now);
  }
  EXPECT_LE(graph.PeersOf(graph.Find("alice")).size(), 4);
  EXPECT_GT(BytesBetween(graph, "alice", "bob", now), 100'000);
  EXPECT_GT(BytesBetween(graph, "alice", "carol", now), 100'000);
}

TEST(TrafficGraphTest, ANewFriendTakesThePlaceOfOneWhoFaded) {
  TrafficGraph graph({.half_life = absl::Minutes(10), .peers_max = 1});
  graph.Add("alice", "bob", 10'000, absl::Minutes(1));
  graph.Add("alice", "carol", 1'000, absl::Minutes(2));
  EXPECT_GT(BytesBetween(graph, "alice", "bob", absl::Minutes(2)), 1'000);
  for (int i = 0; i < 30; ++i) graph.Add("alice", "carol", 1'000, absl::Minutes(3 + i));
  EXPECT_GT(BytesBetween(graph, "alice", "carol", absl::Minutes(33)), 1'000);
}

TEST(TrafficGraphTest, ForgetsWhatFadedAndIsBounded) {
  TrafficGraph graph({.half_life = absl::Minutes(10), .users_max = 3});
  graph.Add("alice", "bob", 1'000, absl::Minutes(1));
  graph.Add("carol", "dave", 1'000, absl::Minutes(1));
  EXPECT_EQ(graph.users(), 3) << "dave found no room";
  for (int hour = 1; hour <= 3; ++hour) {
    graph.Sweep(absl::Hours(hour));
    graph.Add("alice", "bob", 1'000, absl::Hours(hour));
  }
  EXPECT_EQ(graph.users(), 2);
  EXPECT_NEAR(BytesBetween(graph, "alice", "bob", absl::Hours(3)), 1'016, 20);
  graph.Add("erin", "bob", 1'000, absl::Hours(3));
  EXPECT_NEAR(BytesBetween(graph, "bob", "erin", absl::Hours(3)), 1'000, 1);
}

TEST(TrafficGraphTest, YearsDoNotOverflow) {
  TrafficGraph graph({});
  for (int day = 0; day < 3 * 365; ++day) {
    graph.Add("alice", "bob", 1'000, absl::Hours(24 * day));
    graph.Sweep(absl::Hours(24 * day));
  }
  EXPECT_NEAR(BytesBetween(graph, "alice", "bob", absl::Hours(24 * (3 * 365 - 1))), 1'000, 10);
}

}  // namespace
}  // namespace convergia::mgmt
