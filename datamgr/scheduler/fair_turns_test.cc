#include "datamgr/scheduler/fair_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace convergia::datamgr {
namespace {

using ::testing::ElementsAre;

constexpr FairTurns::Client kAlice1 = {1, 1};
constexpr FairTurns::Client kAlice2 = {1, 2};
constexpr FairTurns::Client kBob = {1, 3};

class FairTurnsTest : public testing::Test {
 protected:
  // Takes up to `count` turns. Each costs `cost`, and its client waits again.
  std::vector<std::string> Take(int count, uint64_t cost = 1) {
    std::vector<std::string> users;
    for (int i = 0; i < count; ++i) {
      const auto turn = turns_.Next();
      if (!turn.has_value()) break;
      users.push_back(turn->user);
      turns_.Charge(turn->user, cost);
      turns_.Add(turn->user, turn->client);
    }
    return users;
  }
  FairTurns turns_;
};

TEST_F(FairTurnsTest, NobodyWaitsAtFirst) { EXPECT_FALSE(turns_.Next().has_value()); }

TEST_F(FairTurnsTest, UsersTakeTurnsWhateverTheNumberOfTheirSessions) {
  turns_.Add("alice", kAlice1);
  turns_.Add("alice", kAlice2);
  turns_.Add("bob", kBob);
  EXPECT_THAT(Take(6), ElementsAre("alice", "bob", "alice", "bob", "alice", "bob"));
}

TEST_F(FairTurnsTest, SessionsOfOneUserTakeTurns) {
  turns_.Add("alice", kAlice1);
  turns_.Add("alice", kAlice1);
  turns_.Add("alice", kAlice2);
  EXPECT_EQ(turns_.Next()->client, kAlice1);
  turns_.Add("alice", kAlice1);
  EXPECT_EQ(turns_.Next()->client, kAlice2);
  EXPECT_EQ(turns_.Next()->client, kAlice1);
  EXPECT_FALSE(turns_.Next().has_value());
}

TEST_F(FairTurnsTest, WhatIsDearComesSeldom) {
  turns_.Add("alice", kAlice1);
  EXPECT_EQ(turns_.Next()->user, "alice");
  turns_.Charge("alice", 3);
  turns_.Add("alice", kAlice1);
  turns_.Add("bob", kBob);
  EXPECT_THAT(Take(5), ElementsAre("bob", "bob", "bob", "alice", "bob"));
}

TEST_F(FairTurnsTest, IdleTimeIsNotSavedUp) {
  turns_.Add("alice", kAlice1);
  Take(1'000, 100);
  turns_.Add("bob", kBob);  // Added when alice has paid 100,000.
  EXPECT_THAT(Take(4, 100), ElementsAre("bob", "alice", "bob", "alice"));
}

TEST_F(FairTurnsTest, LeavingForAMomentDoesNotClearADebt) {
  turns_.Add("bob", kBob);
  turns_.Add("alice", kAlice1);
  EXPECT_EQ(turns_.Next()->user, "alice");
  turns_.Charge("alice", 10);  // alice does not wait again.
  EXPECT_THAT(Take(3), ElementsAre("bob", "bob", "bob"));
  turns_.Add("alice", kAlice1);
  EXPECT_THAT(Take(8), ElementsAre("bob", "bob", "bob", "bob", "bob", "bob", "bob", "alice"));
}

}  // namespace
}  // namespace convergia::datamgr
