// Long because every kind of event is told to the same few edges, one fixture for all.
#include "mgmt/cluster/cluster.h"

#include <map>
#include <set>

#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "mgmt/views/cluster_queries.h"
#include "mgmt/views/server_map.h"

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr NodeId kMgmt = 1, kA = 2, kB = 3, kC = 4, kData = 5;

Member MakeMember(NodeId node, Role role, const std::string& name) {
  return Member{.role = role, .name = name, .node = node, .keys = {{"pin-" + name, {}}}};
}

// Drives one Cluster, and keeps what each stream was sent and how it was closed.
class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    members_ = {MakeMember(kMgmt, Role::kMgmt, "mgmt"), MakeMember(kA, Role::kEdge, "a"),
                MakeMember(kB, Role::kEdge, "b"), MakeMember(kC, Role::kEdge, "c"),
                MakeMember(kData, Role::kDatamgr, "data")};
  }

  // A start of mgmt: the members in `known` were there before.
  void Start(Epoch epoch, const std::vector<Member>& known) {
    cluster_ = std::make_unique<Cluster>(
        Cluster::Options{.epoch = epoch, .self = kMgmt, .version = "1"}, *accounts_);
    cluster_->SetTicketKeys({{"pem"}});
    sent_.clear();
    SetMembers(known);
  }
  void StartFresh() {
    Start(100, {members_[0]});
    SetMembers(members_);
  }
  void SetMembers(const std::vector<Member>& members) {
    std::vector<rpc::PinEntry> pins;
    for (const Member& member : members) {
      if (!member.revoked) {
        pins.push_back({member.keys[0].pin, member.role, member.name, member.node});
      }
    }
    cluster_->SetMembers(members, pins, now_);
    Flush();
  }

  void Flush() {
    ClusterActions actions = cluster_->Flush(now_);
    std::vector<StreamId> checks;
    for (auto& send : actions.sends) {
      sent_[send.stream].push_back(*send.message);
      if (send.message->has_directory_check()) checks.push_back(send.stream);
    }
    for (auto& close : actions.closes) closed_[close.stream] = close.reason;
    for (auto& row : actions.map_rows) map_rows_.push_back(std::move(row));
    for (auto& warning : actions.warnings) warnings_.push_back(std::move(warning));
    for (const StreamId stream : checks) AnswerCheck(stream);
  }
  // As an edge does, from what it was told.
  void AnswerCheck(StreamId stream) {
    DirectoryDigests digests = {};
    for (const auto& [user, edges] : BeliefOf(stream)) {
      const UserHash hash = HashOfUser(user);
      for (const NodeId edge : edges) digests[BucketOf(hash)] += PlaceDigest(hash, edge);
    }
    v1::FromNode message;
    message.mutable_directory_digests()->set_digests(EncodeDigests(digests));
    cluster_->OnMessage(stream, message, now_);
    Flush();
  }
  void Pass(absl::Duration time) {
    for (absl::Duration passed; passed < time; passed += Cluster::kTick) {
      now_ += Cluster::kTick;
      cluster_->OnTick(now_);
      Flush();
    }
  }
  // All attached streams in `beating` send heartbeats meanwhile.
  void PassBeating(absl::Duration time, const std::vector<StreamId>& beating) {
    for (absl::Duration passed; passed < time; passed += absl::Seconds(1)) {
      for (const StreamId id : beating) Beat(id);
      Pass(absl::Seconds(1));
    }
  }

  void Hello(StreamId stream, NodeId node, Epoch epoch = 1) {
    v1::Hello hello;
    hello.set_epoch(epoch);
    hello.mutable_addresses()->set_grpc(absl::StrCat("grpc-", node));
    hello.mutable_addresses()->set_line(absl::StrCat("line-", node));
    cluster_->OnHello(stream, node, hello, now_);
    Flush();
  }
  void Beat(StreamId stream, uint32_t sessions = 0, bool draining = false) {
    v1::FromNode message;
    message.mutable_heartbeat()->set_sessions(sessions);
    message.mutable_heartbeat()->set_draining(draining);
    cluster_->OnMessage(stream, message, now_);
    Flush();
  }
  void Locations(StreamId stream, bool whole, const std::map<std::string, int>& sessions) {
    v1::FromNode message;
    message.mutable_locations()->set_whole(whole);
    uint64_t& version = versions_[stream];
    version = whole ? wholes_ += 1000 : version + 1;
    message.mutable_locations()->set_version(version);
    for (const auto& [user, count] : sessions) {
      names_[HashOfUser(user)] = user;
      v1::LocationChange* change = message.mutable_locations()->add_changes();
      change->set_username(user);
      change->set_sessions(count);
    }
    cluster_->OnMessage(stream, message, now_);
    Flush();
  }
  void Links(StreamId stream, const std::vector<NodeId>& peers, uint32_t rtt_us = 1000) {
    v1::FromNode message;
    message.mutable_links();
    for (const NodeId peer : peers) {
      v1::LinkState* link = message.mutable_links()->add_links();
      link->set_peer(peer);
      link->set_rtt_us(rtt_us);
    }
    cluster_->OnMessage(stream, message, now_);
    Flush();
  }
  void Lose(StreamId stream) {
    cluster_->OnStreamClosed(stream, now_);
    Flush();
  }
  // An edge attaches as edges do.
  void Join(StreamId stream, NodeId node, const std::map<std::string, int>& users = {},
            Epoch epoch = 1) {
    Hello(stream, node, epoch);
    Locations(stream, true, users);
  }

  // Where `stream`'s edge believes everybody is, from what it was sent.
  std::map<std::string, std::set<NodeId>> BeliefOf(StreamId stream) const {
    std::map<std::string, std::set<NodeId>> places;
    const auto forget = [&places](NodeId edge) {
      for (auto& [user, edges] : places) edges.erase(edge);
    };
    for (const v1::ToNode& message : sent_.at(stream)) {
      for (const auto& bucket : message.directory_buckets().buckets()) {
        for (const auto& [hash, name] : names_) {
          if (BucketOf(hash) == bucket.index()) places.erase(name);
        }
        for (int i = 0; i < bucket.users_size(); ++i) {
          places[names_.at(bucket.users(i))].insert(bucket.edges(i));
        }
      }
      for (const v1::EdgeUsers& change : message.directory().edges()) {
        if (change.gone() || change.from() == 0) forget(change.edge());
        for (const UserHash user : change.here()) places[names_.at(user)].insert(change.edge());
        for (const UserHash user : change.left()) places[names_.at(user)].erase(change.edge());
      }
    }
    std::erase_if(places, [](const auto& place) { return place.second.empty(); });
    return places;
  }
  std::vector<NodeId> EdgesOf(StreamId stream) const {
    std::vector<NodeId> ids;
    for (const v1::ToNode& message : sent_.at(stream)) {
      if (!message.has_edges()) continue;
      ids.clear();
      for (const auto& edge : message.edges().edges()) ids.push_back(edge.node_id());
    }
    return ids;
  }
  v1::Routes RoutesOf(StreamId stream) const {
    v1::Routes routes;
    for (const v1::ToNode& message : sent_.at(stream)) {
      if (message.has_routes()) routes = message.routes();
    }
    return routes;
  }
  // Of the last plan; what edges are told of it is RoutePlannerTest's.
  RoutesTo PlannedTo(NodeId from, NodeId to) const {
    for (const RoutesTo& route : cluster_->state().routes.PlanFrom(from)) {
      if (route.destination == to) return route;
    }
    return {};
  }
  std::string KindsOf(StreamId stream) const {
    std::string kinds;
    for (const v1::ToNode& message : sent_.at(stream)) {
      kinds +=
          "?wpedrvocb    csgk  q"[message.kind_case()];  // Welcome, Pins, Edges, Directory, ...
    }
    return kinds;
  }

  absl::Duration now_ = absl::Seconds(1000);
  store::MemStore store_;
  std::unique_ptr<AccountStore> accounts_ = *AccountStore::Create(store_);
  std::vector<Member> members_;
  std::unique_ptr<Cluster> cluster_;
  std::map<StreamId, std::vector<v1::ToNode>> sent_;
  std::map<StreamId, uint64_t> versions_;  // Of what each stream said of its users.
  uint64_t wholes_ = 0;
  std::map<UserHash, std::string> names_;
  std::map<StreamId, absl::Status> closed_;
  std::vector<v1::ServerMapRow> map_rows_;
  std::vector<std::string> warnings_;
};

TEST_F(ClusterTest, AnEdgeIsToldAllInOrderAndOthersWhatTheyNeed) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  EXPECT_EQ(KindsOf(1), "wpvercbd");
  EXPECT_EQ(sent_[1][0].welcome().node_id(), kA);
  EXPECT_EQ(sent_[1][0].welcome().mgmt_epoch(), 100);
  EXPECT_THAT(sent_[1][0].welcome().ticket_public_keys(), ElementsAre("pem"));
  EXPECT_EQ(sent_[1][1].pins().valid_size(), 5);
  EXPECT_TRUE(sent_[1][1].pins().whole());
  Hello(2, kData);
  EXPECT_EQ(KindsOf(2), "wpvs");
  Join(3, kB);
  EXPECT_THAT(EdgesOf(1), ElementsAre(kA, kB));
  EXPECT_THAT(EdgesOf(3), ElementsAre(kA, kB));
  EXPECT_EQ(BeliefOf(3), (std::map<std::string, std::set<NodeId>>{{"ann", {kA}}}));
}

TEST_F(ClusterTest, LocationsSpreadAsTheyChange) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  Locations(2, false, {{"bob", 1}, {"cat", 2}});
  Locations(1, false, {{"bob", 1}});
  Locations(2, false, {{"cat", 0}});
  EXPECT_EQ(BeliefOf(1), (std::map<std::string, std::set<NodeId>>{{"bob", {kA, kB}}}));
  EXPECT_EQ(BeliefOf(1), BeliefOf(2));
}

TEST_F(ClusterTest, LinksBecomeRoutesAndOnlyChangesAreTold) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  Join(3, kC);
  Links(1, {kB});
  Pass(absl::Milliseconds(100));
  Links(2, {kA, kC});
  Links(3, {kB});
  Pass(absl::Milliseconds(100));
  const v1::Routes routes = RoutesOf(1);
  EXPECT_THAT(routes.destinations(), ElementsAre(kB, kC));
  EXPECT_THAT(routes.before(), ElementsAre(0, 1));
  EXPECT_THAT(routes.second_hops(), ElementsAre(0, 0));
  EXPECT_THAT(PlannedTo(kA, kC).best.hops, ElementsAre(kB, kC));
  const size_t told = sent_[1].size();
  Links(2, {kC, kA});
  Pass(absl::Milliseconds(200));
  EXPECT_EQ(sent_[1].size(), told);
  Links(1, {kB, kC});
  Links(3, {kB, kA});
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(RoutesOf(1).before(), ElementsAre(0, 0));
  EXPECT_THAT(PlannedTo(kA, kC).best.hops, ElementsAre(kC));
  EXPECT_THAT(PlannedTo(kA, kC).second->hops, ElementsAre(kB, kC));
  EXPECT_NE(RoutesOf(1).version(), routes.version());
}

TEST_F(ClusterTest, OnlyEdgesWhoseRoutesChangedAreTold) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  Join(3, kC);
  Links(1, {kB});
  Links(2, {kA});
  Pass(absl::Milliseconds(100));
  const size_t told_a = sent_[1].size(), told_c = sent_[3].size();
  Links(3, {});  // Nothing new.
  Pass(absl::Milliseconds(100));
  EXPECT_EQ(sent_[1].size(), told_a);
  EXPECT_EQ(sent_[3].size(), told_c);
  // Other times change no way here, and so are no news either.
  Links(1, {kB}, /*rtt_us=*/9000);
  Pass(absl::Seconds(2));
  EXPECT_EQ(cluster_->state().routes.CostOf(kA, kB), kOneHop + 9000);
  EXPECT_EQ(sent_[1].size(), told_a);
}

TEST_F(ClusterTest, LinksThatCannotBeAreRefusedCountedAndLoggedOnce) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  for (int round = 0; round < 3; ++round) {
    Links(1, {kB, kA, 0, 77, kMgmt, kData, kB});
    Links(2, {kA});
  }
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(RoutesOf(1).destinations(), ElementsAre(kB));
  EXPECT_THAT(RoutesOf(2).destinations(), ElementsAre(kA));
  EXPECT_EQ(warnings_.size(), 1);
  EXPECT_EQ(cluster_->state().links_refused.at(kA), 18);
  EXPECT_FALSE(cluster_->state().links_refused.contains(kB));
  const auto nodes = ListNodes(cluster_->state(), {});
  EXPECT_EQ(nodes[1].links_refused(), 18);
}

TEST_F(ClusterTest, LocationsAndTalkersThatCannotBeAreCountedAndLoggedOnce) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB);
  for (int round = 0; round < 3; ++round) Locations(1, false, {{"No Name", 1}, {"bob", 1}});
  v1::FromNode message;
  for (int i = 0; i < 600; ++i) message.mutable_traffic()->add_talkers()->set_username("eve");
  for (int round = 0; round < 3; ++round) cluster_->OnMessage(1, message, now_);
  Flush();
  EXPECT_EQ(warnings_.size(), 2);
  v1::Node node = ListNodes(cluster_->state(), {})[1];
  EXPECT_EQ(node.names_refused(), 3);
  EXPECT_EQ(node.talkers_refused(), 1'800);
  EXPECT_EQ(BeliefOf(2), (std::map<std::string, std::set<NodeId>>{{"ann", {kA}}, {"bob", {kA}}}));
  // Out of order: the edge has to announce itself again, and that is counted too.
  message.mutable_locations()->set_version(versions_[1] + 7);
  message.clear_traffic();
  message.mutable_locations()->add_changes()->set_username("eve");
  cluster_->OnMessage(1, message, now_);
  Flush();
  EXPECT_EQ(warnings_.size(), 3);
  EXPECT_EQ(ListNodes(cluster_->state(), {})[1].locations_refused(), 1);
  const v1::Node other = ListNodes(cluster_->state(), {})[2];
  EXPECT_EQ(other.names_refused() + other.talkers_refused() + other.locations_refused(), 0);
}

TEST_F(ClusterTest, NoRouteLeadsThroughAnEdgeThatLeft) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  Join(3, kC);
  Links(1, {kB});
  Links(2, {kA, kC});
  Links(3, {kB});
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(RoutesOf(1).destinations(), ElementsAre(kB, kC));
  members_[2].revoked = true;  // Its neighbours have not noticed yet.
  SetMembers(members_);
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(RoutesOf(1).destinations(), IsEmpty());
  EXPECT_THAT(RoutesOf(3).destinations(), IsEmpty());
}

TEST_F(ClusterTest, ADeadEdgeIsGoneAtOnceWhenItsNeighboursMissItToo) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB, {{"bob", 1}});
  Links(1, {kB});
  Links(2, {kA});
  Pass(absl::Milliseconds(100));
  Lose(1);
  EXPECT_EQ(BeliefOf(2).count("ann"), 1);  // Perhaps only its stream to us broke.
  EXPECT_THAT(EdgesOf(2), ElementsAre(kA, kB));
  Links(2, {});
  EXPECT_EQ(BeliefOf(2).count("ann"), 0);
  EXPECT_THAT(EdgesOf(2), ElementsAre(kB));
  EXPECT_EQ(cluster_->state().liveness.StateOf(kA), LiveState::kOffline);
  Join(3, kA, {{"ann", 1}}, /*epoch=*/2);
  EXPECT_EQ(BeliefOf(2).count("ann"), 1);
  EXPECT_THAT(EdgesOf(2), ElementsAre(kA, kB));
}

TEST_F(ClusterTest, AnEdgeThatOthersStillReachIsKeptUntilTimeIsUp) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB);
  Links(1, {kB});
  Links(2, {kA});
  Lose(1);
  PassBeating(absl::Seconds(11), {2});
  EXPECT_EQ(BeliefOf(2).count("ann"), 1);
  ASSERT_EQ(RoutesOf(2).destinations_size(), 1);
  PassBeating(absl::Seconds(2), {2});
  EXPECT_EQ(BeliefOf(2).count("ann"), 0);
  EXPECT_EQ(RoutesOf(2).destinations_size(), 0);
}

TEST_F(ClusterTest, ASilentNodeIsCutOffSoThatItAnnouncesItselfAnew) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB);
  PassBeating(absl::Seconds(13), {2});
  EXPECT_TRUE(closed_.contains(1));
  EXPECT_EQ(BeliefOf(2).count("ann"), 0);
  Locations(1, false, {{"eve", 1}});
  EXPECT_EQ(BeliefOf(2).count("eve"), 0);
}

TEST_F(ClusterTest, TheNewerStartOfANodeWins) {
  StartFresh();
  Join(1, kA, {}, /*epoch=*/5);
  Join(2, kA, {}, /*epoch=*/6);
  EXPECT_THAT(closed_[1], StatusIs(absl::StatusCode::kFailedPrecondition));
  Hello(3, kA, /*epoch=*/5);
  EXPECT_THAT(closed_[3], StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(sent_.contains(3));
  EXPECT_FALSE(closed_.contains(2));
  Lose(1);
  EXPECT_EQ(cluster_->state().liveness.StateOf(kA), LiveState::kAlive);
}

TEST_F(ClusterTest, StrangersAndRevokedNodesAreTurnedAway) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB);
  Hello(3, 99);
  Hello(4, kMgmt);
  EXPECT_THAT(closed_[3], StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(closed_[4], StatusIs(absl::StatusCode::kPermissionDenied));
  members_[1].revoked = true;
  SetMembers(members_);
  EXPECT_THAT(closed_[1], StatusIs(absl::StatusCode::kPermissionDenied));
  const v1::ToNode* pins = nullptr;
  for (const v1::ToNode& message : sent_[2]) pins = message.has_pins() ? &message : pins;
  EXPECT_THAT(pins->pins().revoked(), ElementsAre("pin-a"));
  EXPECT_THAT(BeliefOf(2), IsEmpty());
  EXPECT_THAT(EdgesOf(2), ElementsAre(kB));
  Hello(5, kA);
  EXPECT_THAT(closed_[5], StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ClusterTest, AfterARestartEdgesAreToldNothingUntilAllHaveSpoken) {
  Start(200, members_);
  Join(1, kA, {{"ann", 1}});
  Join(2, kB, {{"bob", 1}});
  EXPECT_EQ(KindsOf(1), "wpv");
  Join(3, kC, {{"cat", 1}});
  EXPECT_EQ(BeliefOf(1).size(), 3);
  EXPECT_EQ(BeliefOf(1), BeliefOf(2));
  EXPECT_EQ(BeliefOf(1), BeliefOf(3));
  EXPECT_THAT(EdgesOf(1), ElementsAre(kA, kB, kC));
}

TEST_F(ClusterTest, AfterARestartTheSilentOnesAreWaitedForABoundedTime) {
  Start(200, members_);
  Join(1, kA, {{"ann", 1}});
  Hello(2, kB);  // Attached, but never says where its users are.
  PassBeating(absl::Seconds(11), {1, 2});
  EXPECT_EQ(KindsOf(1), "wpv");
  PassBeating(absl::Seconds(5), {1, 2});
  EXPECT_EQ(BeliefOf(1).size(), 1);
  EXPECT_THAT(EdgesOf(1), ElementsAre(kA, kB));
}

TEST_F(ClusterTest, WhoMissedADirectoryBatchGetsItOrComparesDigests) {
  StartFresh();
  Join(1, kA);
  Join(2, kB);
  Locations(2, false, {{"bob", 1}});
  const v1::DirectoryPosition last = sent_[1].back().directory().position();
  v1::FromNode resync;
  resync.mutable_directory_resync()->set_epoch(last.epoch());
  resync.mutable_directory_resync()->set_sequence(last.sequence() - 1);
  const size_t before = sent_[1].size();
  cluster_->OnMessage(1, resync, now_);
  Flush();
  ASSERT_EQ(sent_[1].size(), before + 1);
  EXPECT_THAT(sent_[1].back().directory().edges(0).here(), ElementsAre(HashOfUser("bob")));
  resync.mutable_directory_resync()->set_epoch(1);
  cluster_->OnMessage(1, resync, now_);
  Flush();
  ASSERT_EQ(sent_[1].size(), before + 3);
  EXPECT_TRUE(sent_[1][before + 1].has_directory_check());
  EXPECT_EQ(sent_[1].back().directory_buckets().sequence(), last.sequence());
  EXPECT_THAT(sent_[1].back().directory_buckets().buckets(), IsEmpty());  // It knew all of it.
  Locations(2, false, {{"cat", 1}});
  EXPECT_EQ(sent_[1].back().directory().position().sequence(), last.sequence() + 1);
}

TEST_F(ClusterTest, BadDigestsEndTheStreamAndUnaskedOnesAreIgnored) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  const size_t before = sent_[1].size();
  v1::FromNode message;
  message.mutable_directory_digests()->set_digests("too short");
  cluster_->OnMessage(1, message, now_);
  Flush();
  EXPECT_EQ(sent_[1].size(), before);
  EXPECT_FALSE(closed_.contains(1));
  v1::FromNode resync;
  resync.mutable_directory_resync()->set_epoch(1);
  cluster_->OnMessage(1, resync, now_);
  cluster_->OnMessage(1, message, now_);
  Flush();
  EXPECT_THAT(closed_[1], StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ClusterTest, AnEdgeWhoseChangesAreMissingHasToAnnounceItselfAnew) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB);
  ++versions_[1];
  Locations(1, false, {{"eve", 1}});
  EXPECT_THAT(closed_[1], StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(BeliefOf(2).count("eve"), 0);
  Join(3, kA, {{"ann", 1}, {"eve", 1}});
  EXPECT_EQ(BeliefOf(2).count("eve"), 1);
}

TEST_F(ClusterTest, RevokedTicketsAreToldAndRememberedForLaterEdges) {
  StartFresh();
  Join(1, kA);
  const Account ann = *accounts_->Add(*Username::Parse("ann"), "hash", absl::UnixEpoch());
  const Account ann_void =
      *accounts_->VoidTickets(*Username::Parse("ann"), absl::UnixEpoch() + absl::Hours(1));
  cluster_->OnTicketsVoid(ann_void, "because", now_);
  cluster_->OnTicketsVoid(ann, "older", now_);
  Flush();
  ASSERT_TRUE(sent_[1].back().has_revocations());
  EXPECT_FALSE(sent_[1].back().revocations().whole());
  EXPECT_EQ(sent_[1].back().revocations().tickets(0).reason(), "because");
  Join(2, kB);
  for (const v1::ToNode& message : sent_[2]) {
    if (!message.has_revocations()) continue;
    EXPECT_TRUE(message.revocations().whole());
    EXPECT_EQ(message.revocations().tickets_size(), 1);
  }
  EXPECT_EQ(KindsOf(2), "wpvercbd");
}

TEST_F(ClusterTest, TicketKeysAreToldWhenTheyChangeAndWhenOneHasEnded) {
  StartFresh();
  Join(1, kA);
  Hello(2, kData);
  cluster_->SetTicketKeys({{"new"}, {"pem", now_ + absl::Hours(1)}});
  Flush();
  for (const StreamId stream : {1, 2}) {
    ASSERT_TRUE(sent_[stream].back().has_ticket_keys());
    EXPECT_THAT(sent_[stream].back().ticket_keys().public_keys(), ElementsAre("new", "pem"));
  }
  Hello(3, kB);
  EXPECT_THAT(sent_[3][0].welcome().ticket_public_keys(), ElementsAre("new", "pem"));
  now_ += absl::Hours(1);
  cluster_->OnTick(now_);
  Flush();
  const auto told = [&](StreamId stream) {
    std::vector<std::string> keys;
    for (const v1::ToNode& message : sent_[stream]) {
      if (!message.has_ticket_keys()) continue;
      keys.assign(message.ticket_keys().public_keys().begin(),
                  message.ticket_keys().public_keys().end());
    }
    return keys;
  };
  EXPECT_THAT(told(2), ElementsAre("new"));
}

TEST_F(ClusterTest, EdgesAreAskedForTheSessionsOfAUser) {
  StartFresh();
  Join(1, kA, {{"ann", 1}});
  Join(2, kB, {{"ann", 1}});
  Join(3, kC);
  std::optional<SessionQueries::Outcome> outcome;
  const auto done = [&](SessionQueries::Outcome result) { outcome = std::move(result); };
  ASSERT_TRUE(cluster_->AskSessions("ann", 7, now_, done));
  Flush();
  ASSERT_TRUE(sent_[1].back().has_sessions_question());
  ASSERT_TRUE(sent_[2].back().has_sessions_question());
  EXPECT_FALSE(sent_[3].back().has_sessions_question());
  EXPECT_EQ(sent_[1].back().sessions_question().account_id(), 7);
  v1::FromNode answer;
  answer.mutable_sessions()->set_query(sent_[1].back().sessions_question().query());
  answer.mutable_sessions()->add_rows()->set_session(12);
  cluster_->OnMessage(1, answer, now_);
  EXPECT_FALSE(outcome.has_value());
  cluster_->OnStreamClosed(2, now_);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->rows[kA].at(0).session(), 12);
  outcome.reset();
  ASSERT_TRUE(cluster_->EndSession(kA, 7, 12, now_, done));
  Flush();
  uint64_t ended = 0;  // Other news may follow the question.
  for (const v1::ToNode& message : sent_[1]) {
    if (message.has_sessions_question()) ended = message.sessions_question().end_session();
  }
  EXPECT_EQ(ended, 12);
  cluster_->OnTick(now_ + SessionQueries::kAnswerWithin);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->silent, ElementsAre(kA));
}

TEST_F(ClusterTest, RevocationsReachEdgesThatAreToldNothingElseYet) {
  Start(200, members_);
  Hello(1, kA);
  Account ann{.id = 7, .user = *Username::Parse("ann"), .generation = 5};
  cluster_->OnTicketsVoid(ann, "because", now_);
  Hello(2, kB);
  Hello(3, kData);
  EXPECT_EQ(KindsOf(1), "wpvvg");  // And where datamgr is.
  EXPECT_EQ(sent_[1][3].revocations().tickets(0).account_id(), 7);
  EXPECT_EQ(KindsOf(2), "wpvg");
  EXPECT_EQ(sent_[2][2].revocations().tickets(0).account_id(), 7);
  EXPECT_EQ(sent_[2].back().datamgr().name(), "data");
  EXPECT_EQ(sent_[2].back().datamgr().address(), absl::StrCat("grpc-", kData));
  EXPECT_EQ(KindsOf(3), "wpvs");
}

TEST_F(ClusterTest, OfManyRevocationsEachEdgeGetsTheNewestOfEachAccount) {
  StartFresh();
  Account account{.user = *Username::Parse("ann")};
  for (int round = 1; round <= 2; ++round) {
    for (account.id = 1; account.id <= 12'000; ++account.id) {
      account.generation = round;
      cluster_->OnTicketsVoid(account, "because", now_);
    }
  }
  Hello(1, kA);
  std::set<AccountId> told;
  int messages = 0;
  for (const v1::ToNode& message : sent_[1]) {
    if (!message.has_revocations()) continue;
    EXPECT_EQ(message.revocations().whole(), messages++ == 0);
    EXPECT_LT(message.ByteSizeLong(), limits::kRpcMessageBytesMax);
    for (const auto& row : message.revocations().tickets()) {
      EXPECT_EQ(row.generation(), 2);
      EXPECT_TRUE(told.insert(row.account_id()).second);
    }
  }
  EXPECT_EQ(messages, 3);
  EXPECT_EQ(told.size(), 12'000);
}

TEST_F(ClusterTest, RevocationsAreForgottenWithTheTicketsTheyVoid) {
  StartFresh();
  const Account ann{.id = 7, .user = *Username::Parse("ann"), .generation = 5};
  cluster_->OnTicketsVoid(ann, "because", now_);
  now_ += limits::kGenerationsToldFor;
  Hello(1, kA);
  now_ += absl::Seconds(1);
  Hello(2, kB);
  EXPECT_EQ(sent_[1][2].revocations().tickets_size(), 1);
  ASSERT_TRUE(sent_[2][2].has_revocations());
  EXPECT_EQ(sent_[2][2].revocations().tickets_size(), 0);
}

TEST_F(ClusterTest, MapRowsAreToldWhenTheyChange) {
  StartFresh();
  cluster_->SetMapWatched(true);
  const Account ann = *accounts_->Add(*Username::Parse("ann"), "hash", absl::UnixEpoch());
  map_rows_.clear();
  cluster_->OnAccountAdded(ann);
  Flush();
  ASSERT_EQ(map_rows_.size(), 1);
  EXPECT_EQ(map_rows_[0].id(), "u1");
  EXPECT_FALSE(map_rows_[0].online());
  Join(1, kA, {{"ann", 1}});
  Pass(Cluster::kMapTellAfter);
  EXPECT_EQ(map_rows_.back().id(), "u1");
  EXPECT_TRUE(map_rows_.back().online());
  EXPECT_THAT(map_rows_.back().connected(), ElementsAre("n2"));
  map_rows_.clear();
  Beat(1);
  Pass(Cluster::kMapTellAfter);
  EXPECT_TRUE(map_rows_.empty());
  Beat(1, 0, /*draining=*/true);
  ASSERT_EQ(map_rows_.size(), 1);
  EXPECT_EQ(map_rows_[0].notes(), "draining");
  map_rows_.clear();
  Pass(Cluster::kMapTellAfter);
  members_.erase(members_.begin() + 1);
  SetMembers(members_);
  std::set<std::string> removed;
  for (const auto& row : map_rows_) {
    if (row.removed()) removed.insert(row.id());
  }
  EXPECT_THAT(removed, ElementsAre("n2"));
}

TEST_F(ClusterTest, OfTheMapNobodyIsToldAndManyChangesAreToldTogether) {
  StartFresh();
  for (const char* const name : {"ann", "bob"}) {
    ASSERT_OK(accounts_->Add(*Username::Parse(name), "hash", absl::UnixEpoch()));
  }
  map_rows_.clear();
  Join(1, kA, {{"ann", 1}});
  Pass(absl::Seconds(1));
  EXPECT_TRUE(map_rows_.empty());
  cluster_->SetMapWatched(true);
  Pass(absl::Seconds(1));
  EXPECT_TRUE(map_rows_.empty()) << "what was so before is on the map that they read";
  Locations(1, false, {{"bob", 1}});
  EXPECT_EQ(map_rows_.size(), 1);  // At once.
  for (int i = 0; i < 20; ++i) Locations(1, false, {{i % 2 ? "ann" : "bob", i % 3}});
  EXPECT_EQ(map_rows_.size(), 1);
  Pass(Cluster::kMapTellAfter);
  EXPECT_EQ(map_rows_.size(), 3);  // Each of the two once, as it is then.
}

TEST_F(ClusterTest, DataServersAndDatamgrHearHowTheyAreUsedAtOnceAndOnlyChanges) {
  members_.push_back(MakeMember(6, Role::kDataserver, "disk1"));
  members_.push_back(MakeMember(7, Role::kDataserver, "disk2"));
  members_[5].configuration.set_storage_class(v1::STORAGE_CLASS_VOLATILE);
  Start(100, members_);  // Edges are awaited; data does not wait for them.
  Hello(1, kData);
  Hello(2, 6);
  EXPECT_EQ(KindsOf(1), "wpvs");
  EXPECT_EQ(KindsOf(2), "wpc");
  EXPECT_EQ(sent_[2].back().configuration().storage_class(), v1::STORAGE_CLASS_VOLATILE);
  ASSERT_EQ(sent_[1].back().data_servers().servers_size(), 2);
  members_[5].configuration.set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  SetMembers(members_);
  EXPECT_EQ(KindsOf(1), "wpvss");
  EXPECT_EQ(KindsOf(2), "wpcc");
  const v1::DataServerInfo& told = sent_[1].back().data_servers().servers(0);
  EXPECT_EQ(told.name(), "disk1");
  EXPECT_EQ(told.node_id(), 6);
  EXPECT_EQ(told.configuration().storage_class(), v1::STORAGE_CLASS_NON_VOLATILE);
  members_[6].revoked = true;  // Concerns datamgr alone; its pin is news for all.
  SetMembers(members_);
  EXPECT_EQ(KindsOf(1), "wpvssps");
  EXPECT_EQ(KindsOf(2), "wpccp");
  EXPECT_EQ(sent_[1].back().data_servers().servers_size(), 1);
}

TEST_F(ClusterTest, AnEdgeIsToldToDrainAndToEndItAndAgainWhenItComesBack) {
  StartFresh();
  Join(1, kA, {{"alice", 1}});
  Join(2, kB);
  members_[1].drain = true;
  members_[1].drain_within = absl::Seconds(30);
  SetMembers(members_);
  ASSERT_TRUE(sent_[1].back().has_order());
  EXPECT_TRUE(sent_[1].back().order().drain());
  EXPECT_EQ(sent_[1].back().order().drain_ms(), 30'000);
  Beat(1, 1, /*draining=*/true);
  PassBeating(absl::Seconds(1), {2});
  ASSERT_TRUE(sent_[1].back().has_order());
  ASSERT_EQ(sent_[1].back().order().moves_size(), 1);
  const v1::Move& move = sent_[1].back().order().moves(0);
  EXPECT_EQ(move.username(), "alice");
  EXPECT_EQ(move.server(), "b");
  EXPECT_EQ(move.address(), absl::StrCat("line-", kB));
  EXPECT_EQ(move.pin(), members_[2].keys[0].pin);
  Hello(3, kA, 2);
  EXPECT_EQ(KindsOf(3).substr(0, 4), "wpvo");
  members_[1].drain = false;
  SetMembers(members_);
  ASSERT_TRUE(sent_[3].back().has_order());
  EXPECT_TRUE(sent_[3].back().order().undrain());
}

TEST_F(ClusterTest, OfVeryManyChangesAtOnceTheMapGetsOneMoreThanAreTold) {
  StartFresh();
  cluster_->SetMapWatched(true);
  std::map<std::string, int> users;
  for (size_t i = 0; i < ServerMap::kChangesAtOnceMax + 50; ++i) {
    const std::string name = absl::StrCat("u", i);
    ASSERT_OK(accounts_->Add(*Username::Parse(name), "hash", absl::UnixEpoch()));
    users[name] = 1;
  }
  Hello(1, kA);
  Pass(Cluster::kMapTellAfter);
  map_rows_.clear();
  Locations(1, true, users);
  EXPECT_EQ(map_rows_.size(), ServerMap::kChangesAtOnceMax + 1);
  map_rows_.clear();
  Pass(Cluster::kMapTellAfter);
  Locations(1, false, {{"u7", 0}});
  EXPECT_EQ(map_rows_.size(), 1);
}

TEST_F(ClusterTest, NodesThatAreNoEdgesHaveNoLocationsOrLinks) {
  StartFresh();
  Join(1, kA);
  Hello(2, kData);
  Locations(2, true, {{"eve", 1}});
  Links(2, {kA});
  EXPECT_THAT(BeliefOf(1), IsEmpty());
  EXPECT_TRUE(cluster_->state().links.Links().empty());
}

}  // namespace
}  // namespace convergia::mgmt
