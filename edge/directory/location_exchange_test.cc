#include "edge/directory/location_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

UserHash H(absl::string_view user) { return HashOfUser(user); }

v1::LocationChange Change(const std::string& user, uint32_t sessions) {
  v1::LocationChange change;
  change.set_username(user);
  change.set_sessions(sessions);
  return change;
}

v1::EdgeUsers Step(NodeId edge, Epoch epoch, uint64_t from, uint64_t version,
                   const std::vector<std::string>& here,
                   const std::vector<std::string>& left = {}) {
  v1::EdgeUsers step;
  step.set_edge(edge);
  step.set_epoch(epoch);
  step.set_from(from);
  step.set_version(version);
  for (const std::string& user : here) step.add_here(H(user));
  for (const std::string& user : left) step.add_left(H(user));
  return step;
}

v1::DirectoryBatch Batch(uint64_t sequence, const std::vector<v1::EdgeUsers>& steps,
                         Epoch epoch = 7) {
  v1::DirectoryBatch batch;
  batch.mutable_position()->set_epoch(epoch);
  batch.mutable_position()->set_sequence(sequence);
  for (const v1::EdgeUsers& step : steps) *batch.add_edges() = step;
  return batch;
}

v1::DirectoryBuckets Buckets(uint64_t sequence, const std::vector<v1::EdgeUsers>& edges) {
  v1::DirectoryBuckets buckets;
  buckets.set_epoch(7);
  buckets.set_sequence(sequence);
  for (const v1::EdgeUsers& edge : edges) {
    v1::EdgeVersion* const row = buckets.add_edges();
    row->set_edge(edge.edge());
    row->set_epoch(edge.epoch());
    row->set_version(edge.version());
    for (const UserHash user : edge.here()) {
      v1::DirectoryBucket* const bucket = buckets.add_buckets();
      bucket->set_index(BucketOf(user));
      bucket->add_users(user);
      bucket->add_edges(edge.edge());
    }
  }
  return buckets;
}

// One edge, number 1, whose neighbours and mgmt are the test.
class LocationExchangeTest : public testing::Test {
 protected:
  LocationExchangeTest()
      : exchange_({.self = 1, .epoch = 10, .is_edge = [](NodeId edge) { return edge < 10; }},
                  &directory_) {}

  // mgmt compares, and knows these.
  void Follow(const std::vector<v1::EdgeUsers>& edges = {}, uint64_t sequence = 1) {
    exchange_.OnCheck();
    exchange_.OnBuckets(Buckets(sequence, edges), now_);
    Take();
  }
  void Link(const std::vector<NodeId>& peers) {
    exchange_.SetLinks(peers, now_);
    Take();
  }
  void Hear(NodeId from, const v1::EdgeUsers& step, bool has_mgmt = false) {
    v1::Locations payload;
    payload.set_has_mgmt(has_mgmt);
    *payload.add_changes() = step;
    exchange_.OnLocations(from, payload, now_);
  }
  void HearKnown(NodeId from, NodeId edge, Epoch epoch, uint64_t version, uint64_t beat = 0) {
    v1::Locations payload;
    v1::EdgeVersion* const row = payload.add_known();
    row->set_edge(edge);
    row->set_epoch(epoch);
    row->set_version(version);
    row->set_beat(beat);
    exchange_.OnLocations(from, payload, now_);
  }
  // Everything that goes over links since the last time.
  std::map<NodeId, v1::Locations> Take() {
    std::map<NodeId, v1::Locations> taken;
    while (true) {
      LocationExchange::Output output = exchange_.Take();
      for (auto& message : output.to_mgmt) to_mgmt_.push_back(std::move(message));
      for (auto& complaint : output.complaints) complaints_.push_back(complaint);
      if (output.to_links.empty()) return taken;
      for (auto& [peer, payload] : output.to_links) {
        taken[peer].MergeFrom(payload);
        exchange_.OnLinkReady(peer);
      }
    }
  }
  Places Find(absl::string_view user) const { return directory_.Find(user); }

  absl::Duration now_ = absl::Seconds(1000);
  Directory directory_;
  LocationExchange exchange_;
  std::vector<v1::FromNode> to_mgmt_;
  std::vector<std::string> complaints_;
};

TEST_F(LocationExchangeTest, OwnUsersAreFoundAndReportedInVersions) {
  const v1::LocationReport first =
      exchange_.OnOwnChanges({Change("ann", 1), Change("bob", 2)}, now_);
  EXPECT_EQ(first.version(), 1);
  EXPECT_EQ(first.changes_size(), 2);
  EXPECT_EQ(Find("ann"), Places({1}));
  EXPECT_EQ(exchange_.OnOwnChanges({Change("ann", 0)}, now_).version(), 2);
  EXPECT_TRUE(Find("ann").empty());
  EXPECT_EQ(exchange_.VersionOf(1), std::make_pair(Epoch{10}, uint64_t{2}));
}

TEST_F(LocationExchangeTest, WithoutMgmtChangesGoOverAllLinksAndAreHandedOnOnce) {
  Link({2, 3, 4});
  exchange_.OnOwnChanges({Change("ann", 1)}, now_);
  auto sent = Take();
  ASSERT_EQ(sent.size(), 3);
  EXPECT_THAT(sent[2].changes(0).here(), ElementsAre(H("ann")));
  EXPECT_THAT(sent[2].changes(0).told(), testing::UnorderedElementsAre(1, 2, 3, 4));
  v1::EdgeUsers step = Step(5, 1, 0, 1, {"bob"});
  step.add_told(3);
  Hear(2, step);
  EXPECT_EQ(Find("bob"), Places({5}));
  sent = Take();
  EXPECT_EQ(sent[2].changes_size(), 0);  // From there it came.
  EXPECT_EQ(sent[3].changes_size(), 0);  // It has it already.
  ASSERT_EQ(sent[4].changes_size(), 1);
  EXPECT_THAT(sent[4].changes(0).told(), ElementsAre(3, 4, 1));
  Hear(3, step);
  EXPECT_EQ(Take()[4].changes_size(), 0);
}

TEST_F(LocationExchangeTest, WithMgmtNothingGoesOverLinksButToThoseWithoutIt) {
  Follow({Step(2, 1, 0, 1, {"zed"})});
  Link({2, 3});
  Hear(2, {}, /*has_mgmt=*/true);
  Hear(3, {}, /*has_mgmt=*/false);
  Take();
  exchange_.OnOwnChanges({Change("ann", 1)}, now_);
  exchange_.OnBatch(Batch(2, {Step(2, 1, 1, 2, {"bob"})}), now_);
  auto sent = Take();
  EXPECT_FALSE(sent.contains(2));
  EXPECT_EQ(sent[3].changes_size(), 2);
  // One without mgmt tells us: those with mgmt do not hear it from there.
  Hear(3, Step(3, 1, 0, 1, {"cat"}));
  EXPECT_EQ(Take()[2].changes_size(), 1);
}

TEST_F(LocationExchangeTest, ChangesApplyFromAnywhereBetweenTheirVersions) {
  Link({2});
  Hear(2, Step(5, 1, 0, 2, {"ann", "bob"}));
  Hear(2, Step(5, 1, 1, 3, {"cat"}, {"ann"}));
  EXPECT_TRUE(Find("ann").empty());
  EXPECT_EQ(Find("cat"), Places({5}));
  Hear(2, Step(5, 1, 2, 3, {"ann"}));  // That version is here.
  EXPECT_TRUE(Find("ann").empty());
  Hear(2, Step(5, 1, 0, 7, {"dan"}));  // All there is.
  EXPECT_TRUE(Find("bob").empty());
  EXPECT_EQ(Find("dan"), Places({5}));
  EXPECT_EQ(exchange_.VersionOf(5), std::make_pair(Epoch{1}, uint64_t{7}));
}

TEST_F(LocationExchangeTest, AGapIsAskedForAndAnsweredFromTheLog) {
  Link({2});
  Take();
  Hear(2, Step(5, 1, 3, 4, {"ann"}));
  EXPECT_TRUE(Find("ann").empty());
  auto sent = Take();
  ASSERT_EQ(sent[2].wanted_size(), 1);
  EXPECT_EQ(sent[2].wanted(0).edge(), 5);
  EXPECT_EQ(sent[2].wanted(0).version(), 0);
  // The other way round: a neighbour lacks two of ours.
  for (const char* user : {"ann", "bob", "cat"}) exchange_.OnOwnChanges({Change(user, 1)}, now_);
  Take();
  v1::Locations asks;
  asks.add_wanted()->set_edge(1);
  asks.mutable_wanted(0)->set_epoch(10);
  asks.mutable_wanted(0)->set_version(1);
  exchange_.OnLocations(2, asks, now_);
  sent = Take();
  ASSERT_EQ(sent[2].changes_size(), 2);
  EXPECT_EQ(sent[2].changes(0).from(), 1);
  EXPECT_EQ(sent[2].changes(1).version(), 3);
  asks.mutable_wanted(0)->set_epoch(9);  // An older start: all of it.
  exchange_.OnLocations(2, asks, now_);
  EXPECT_EQ(Take()[2].changes(0).from(), 0);
}

TEST_F(LocationExchangeTest, ALongWholeTravelsInPartsAndCountsWhenAllHaveCome) {
  Link({2});
  std::vector<v1::LocationChange> many;
  for (int i = 0; i < 20'000; ++i) many.push_back(Change(absl::StrCat("user", i), 1));
  exchange_.OnOwnChanges(std::move(many), now_);
  const v1::Locations sent = Take()[2];
  ASSERT_EQ(sent.changes_size(), 3);
  Directory directory;
  LocationExchange other({.self = 2, .epoch = 1, .is_edge = [](NodeId) { return true; }},
                         &directory);
  other.SetLinks(std::vector<NodeId>{1}, now_);
  const auto hear = [&](int change) {
    v1::Locations payload;
    *payload.add_changes() = sent.changes(change);
    other.OnLocations(1, payload, now_);
  };
  hear(0);
  hear(1);
  EXPECT_EQ(directory.size(), 0);
  hear(2);
  EXPECT_EQ(directory.size(), 20'000);
  EXPECT_EQ(directory.digests(), directory_.digests());
  hear(2);  // An end without its beginning.
  hear(0);
  hear(2);  // A part is missing.
  EXPECT_EQ(other.counters().refused, 3);
  EXPECT_EQ(directory.size(), 20'000);
}

TEST_F(LocationExchangeTest, ANewStartForgetsTheOldOneAndAnOldOneIsNotHeard) {
  Link({2});
  Hear(2, Step(5, 1, 0, 4, {"ann"}));
  HearKnown(2, 5, 2, 0);
  EXPECT_TRUE(Find("ann").empty());
  Hear(2, Step(5, 1, 4, 5, {"bob"}));
  EXPECT_TRUE(Find("bob").empty());
  Hear(2, Step(5, 2, 0, 1, {"ann"}));
  EXPECT_EQ(Find("ann"), Places({5}));
}

TEST_F(LocationExchangeTest, NeighboursCompareVersionsAndAskForWhatIsNewer) {
  Link({2, 3});
  HearKnown(2, 5, 1, 8);
  HearKnown(3, 5, 1, 8);
  auto sent = Take();
  EXPECT_EQ(sent[2].wanted_size() + sent[3].wanted_size(), 1);  // One of them is enough.
  now_ += absl::Seconds(3);
  HearKnown(3, 5, 1, 8);
  EXPECT_EQ(Take()[3].wanted_size(), 1);  // No answer came.
  Hear(3, Step(5, 1, 0, 8, {"ann"}));
  now_ += absl::Seconds(6);
  exchange_.OnTick(now_);
  sent = Take();
  ASSERT_EQ(sent[2].known_size(), 2);
  EXPECT_EQ(sent[2].known(1).version(), 8);
  EXPECT_GT(sent[2].known(0).beat(), 0);
}

TEST_F(LocationExchangeTest, WhoIsSilentForLongIsDroppedAndFoundAgain) {
  Link({2});
  Hear(2, Step(5, 1, 0, 1, {"ann"}));
  Hear(2, Step(2, 1, 0, 1, {"bob"}));
  for (uint64_t beat = 1; beat <= 20; ++beat) {
    now_ += absl::Seconds(5);
    HearKnown(2, 5, 1, 1, beat);
    exchange_.OnTick(now_);
  }
  EXPECT_EQ(Find("ann"), Places({5}));
  now_ += LocationExchange::kSilentMax;
  HearKnown(2, 5, 1, 1, 20);  // Nothing new.
  exchange_.OnTick(now_);
  EXPECT_TRUE(Find("ann").empty());
  EXPECT_EQ(Find("bob"), Places({2}));  // Linked.
  EXPECT_EQ(exchange_.counters().edges_lost, 1);
  Take();
  HearKnown(2, 5, 1, 1, 20);
  Hear(2, Step(5, 1, 0, 1, {"ann"}));
  EXPECT_TRUE(Find("ann").empty());
  EXPECT_EQ(Take()[2].wanted_size(), 0);
  HearKnown(2, 5, 1, 1, 21);
  EXPECT_EQ(Take()[2].wanted_size(), 1);
  Hear(2, Step(5, 1, 0, 1, {"ann"}));
  EXPECT_EQ(Find("ann"), Places({5}));
}

// ---- mgmt

TEST_F(LocationExchangeTest, MgmtComparesThenBatchesFollow) {
  exchange_.OnCheck();
  Take();
  ASSERT_EQ(to_mgmt_.size(), 1);
  EXPECT_EQ(to_mgmt_[0].directory_digests().digests().size(), 32 * 1024);
  EXPECT_FALSE(exchange_.has_mgmt());
  exchange_.OnBuckets(Buckets(4, {Step(2, 1, 0, 3, {"ann"})}), now_);
  EXPECT_TRUE(exchange_.has_mgmt());
  EXPECT_EQ(Find("ann"), Places({2}));
  exchange_.OnBatch(Batch(5, {Step(2, 1, 3, 4, {"bob"}, {"ann"}), Step(3, 1, 0, 1, {"ann"})}),
                    now_);
  EXPECT_EQ(Find("ann"), Places({3}));
  EXPECT_EQ(Find("bob"), Places({2}));
  v1::EdgeUsers gone = Step(2, 1, 0, 0, {});
  gone.set_gone(true);
  exchange_.OnBatch(Batch(6, {gone}), now_);
  EXPECT_TRUE(Find("bob").empty());
  exchange_.OnBatch(Batch(7, {Step(2, 1, 0, 4, {"bob"})}), now_);  // It is back.
  EXPECT_EQ(Find("bob"), Places({2}));
  EXPECT_EQ(exchange_.counters().refused, 0);
}

TEST_F(LocationExchangeTest, BucketsInSeveralPartsCountWhenAllHaveCome) {
  exchange_.OnCheck();
  v1::DirectoryBuckets first = Buckets(4, {Step(2, 1, 0, 3, {"ann"})});
  v1::DirectoryBuckets second = Buckets(4, {Step(2, 1, 0, 3, {"bob"})});
  first.set_more(true);
  exchange_.OnBuckets(first, now_);
  EXPECT_TRUE(Find("ann").empty());
  exchange_.OnBuckets(second, now_);
  EXPECT_EQ(Find("ann"), Places({2}));
  EXPECT_EQ(Find("bob"), Places({2}));
}

TEST_F(LocationExchangeTest, WhatIsKnownBetterThanByMgmtStays) {
  Link({2, 3});
  exchange_.OnOwnChanges({Change("me", 1)}, now_);
  Hear(2, Step(2, 1, 0, 5, {"ann"}));
  Hear(2, Step(3, 1, 0, 5, {"bob"}));
  Hear(2, Step(4, 1, 0, 5, {"cat"}));
  // mgmt knows 2 less well, 3 better, and 4 not at all.
  exchange_.OnCheck();
  exchange_.OnBuckets(Buckets(1, {Step(2, 1, 0, 4, {"dan"}), Step(3, 1, 0, 6, {"eve"}),
                                  Step(1, 9, 0, 1, {"ghost"}), Step(9, 1, 0, 0, {"bob"})}),
                      now_);
  EXPECT_EQ(Find("ann"), Places({2}));
  EXPECT_TRUE(Find("dan").empty());
  EXPECT_EQ(Find("eve"), Places({3}));
  EXPECT_TRUE(Find("cat").empty());
  EXPECT_EQ(Find("me"), Places({1}));
  EXPECT_TRUE(Find("ghost").empty());
}

TEST_F(LocationExchangeTest, ChangesThatComeWhileMgmtComparesAreAppliedAfterwards) {
  Link({2});
  Hear(2, Step(2, 1, 0, 1, {"ann"}));
  exchange_.OnCheck();
  Hear(2, Step(2, 1, 1, 2, {}, {"ann"}));
  Hear(2, Step(2, 1, 2, 3, {"bob"}));
  exchange_.OnOwnChanges({Change("me", 1)}, now_);
  // mgmt has version 2; ann's bucket is the same there as when it was compared, had she not left.
  exchange_.OnBuckets(Buckets(1, {Step(2, 1, 0, 1, {})}), now_);
  EXPECT_TRUE(Find("ann").empty());
  EXPECT_EQ(Find("bob"), Places({2}));
  EXPECT_EQ(Find("me"), Places({1}));
  // And when the stream breaks instead.
  exchange_.OnCheck();
  Hear(2, Step(2, 1, 3, 4, {"cat"}));
  EXPECT_TRUE(Find("cat").empty());
  exchange_.OnDetached(now_);
  EXPECT_EQ(Find("cat"), Places({2}));
  EXPECT_FALSE(exchange_.has_mgmt());
}

TEST_F(LocationExchangeTest, MgmtsWordOnDeathIsBelievedUntilItIsGone) {
  Follow({Step(2, 1, 0, 1, {"ann"})});
  Link({3});
  v1::EdgeUsers gone = Step(2, 1, 0, 0, {});
  gone.set_gone(true);
  exchange_.OnBatch(Batch(2, {gone}), now_);
  HearKnown(3, 2, 1, 1, /*beat=*/5);
  Hear(3, Step(2, 1, 0, 1, {"ann"}));
  EXPECT_TRUE(Find("ann").empty());
  exchange_.OnDetached(now_);
  Take();
  HearKnown(3, 2, 1, 1, /*beat=*/6);  // It lives.
  EXPECT_EQ(Take()[3].wanted_size(), 1);
}

TEST_F(LocationExchangeTest, BadBatchesAreRefusedCountedSaidOnceAndMended) {
  Follow({Step(2, 1, 0, 1, {"ann"})}, /*sequence=*/5);
  to_mgmt_.clear();
  exchange_.OnBatch(Batch(5, {Step(2, 1, 1, 2, {"bob"})}), now_);  // Repeated.
  exchange_.OnBatch(Batch(4, {Step(2, 1, 1, 2, {"bob"})}), now_);
  Take();
  EXPECT_TRUE(Find("bob").empty());
  EXPECT_THAT(to_mgmt_, IsEmpty());
  EXPECT_EQ(complaints_.size(), 1);
  exchange_.OnBatch(Batch(7, {Step(2, 1, 1, 2, {"bob"})}), now_);  // Out of order.
  exchange_.OnBatch(Batch(8, {Step(2, 1, 1, 2, {"bob"})}), now_);
  exchange_.OnBatch(Batch(6, {Step(2, 1, 1, 2, {"bob"})}, /*epoch=*/8), now_);  // Another mgmt.
  Take();
  EXPECT_TRUE(Find("bob").empty());
  EXPECT_EQ(Find("ann"), Places({2}));
  ASSERT_EQ(to_mgmt_.size(), 1);  // Asked once.
  EXPECT_EQ(to_mgmt_[0].directory_resync().sequence(), 5);
  EXPECT_EQ(complaints_.size(), 2);
  EXPECT_EQ(exchange_.counters().refused, 5);
  exchange_.OnBatch(Batch(6, {}), now_);  // The missed batch comes.
  exchange_.OnBatch(Batch(7, {Step(99, 1, 0, 1, {"bob"}), Step(2, 1, 1, 2, {"cat"})}), now_);
  Take();
  EXPECT_TRUE(Find("bob").empty());  // No such edge.
  EXPECT_EQ(Find("cat"), Places({2}));
  ASSERT_EQ(to_mgmt_.size(), 2);
  EXPECT_EQ(to_mgmt_[1].directory_resync().epoch(), 0);  // To compare all.
  EXPECT_EQ(complaints_.size(), 3);
  v1::DirectoryBuckets nonsense = Buckets(9, {Step(2, 1, 0, 3, {"bob"})});
  nonsense.mutable_buckets(0)->set_index(5000);
  exchange_.OnCheck();
  exchange_.OnBuckets(nonsense, now_);
  EXPECT_TRUE(Find("bob").empty());
  EXPECT_EQ(exchange_.counters().refused, 7);
}

TEST_F(LocationExchangeTest, NobodyElseSpeaksForThisEdgeOrForOneThatDoesNotExist) {
  Link({2});
  exchange_.OnOwnChanges({Change("me", 1)}, now_);
  Hear(2, Step(1, 10, 1, 2, {"eve"}, {"me"}));
  Hear(2, Step(1, 11, 0, 1, {"eve"}));
  Hear(2, Step(77, 1, 0, 1, {"eve"}));
  Hear(2, Step(5, 0, 0, 1, {"eve"}));
  Hear(2, Step(5, 1, 3, 3, {"eve"}));
  v1::EdgeUsers gone = Step(2, 1, 0, 0, {});
  gone.set_gone(true);
  Hear(2, gone);
  EXPECT_EQ(Find("me"), Places({1}));
  EXPECT_TRUE(Find("eve").empty());
  EXPECT_EQ(exchange_.counters().refused, 6);
}

}  // namespace
}  // namespace convergia::edge
