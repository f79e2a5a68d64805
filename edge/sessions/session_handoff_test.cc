#include "edge/sessions/session_handoff.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace convergia::edge {
namespace {

using Sessions = std::vector<uint64_t>;

class SessionHandoffTest : public testing::Test {
 protected:
  SessionHandoff::Due Tick() {
    return handoff_.Tick(
        [this](const std::string& user, NodeId edge) {
          return places_.contains({user, edge});
        },
        now_);
  }
  // The first tick that releases a session or says bye.
  SessionHandoff::Due TickUntilDue() {
    for (int i = 0; i < 1'000; ++i, now_ += absl::Milliseconds(100)) {
      SessionHandoff::Due due = Tick();
      if (!due.released.empty() || due.bye) return due;
    }
    return {};
  }

  absl::Duration now_ = absl::Seconds(100);
  std::set<std::pair<std::string, NodeId>> places_;
  SessionHandoff handoff_;
};

TEST_F(SessionHandoffTest, WhoWasNotToldQuitsAtOnce) {
  EXPECT_FALSE(handoff_.HoldsQuit(1, now_));
  EXPECT_TRUE(Tick().released.empty());
}

TEST_F(SessionHandoffTest, WhoQuitsEarlyIsHeldUntilEveryoneKnowsWhereTheyAre) {
  handoff_.Tell(1, "ann", 3);
  EXPECT_TRUE(handoff_.HoldsQuit(1, now_));
  EXPECT_TRUE(Tick().released.empty());
  now_ += absl::Seconds(2);
  places_.insert({"ann", 3});
  const absl::Duration there = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - there, SessionHandoff::kGrace);
  handoff_.OnClosed(1);
  EXPECT_TRUE(Tick().released.empty());
}

TEST_F(SessionHandoffTest, WhoIsThereForLongQuitsAtOnce) {
  handoff_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  now_ += SessionHandoff::kGrace;
  EXPECT_FALSE(handoff_.HoldsQuit(1, now_));
}

TEST_F(SessionHandoffTest, WhoNeverArrivesIsHeldNoLongerThanSomeSeconds) {
  handoff_.Tell(1, "ann", 3);
  places_.insert({"ann", 4});  // At another edge, which is no reason to release.
  ASSERT_TRUE(handoff_.HoldsQuit(1, now_));
  const absl::Duration said = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - said, SessionHandoff::kHoldMax);
}

TEST_F(SessionHandoffTest, ToldAgainTheyGoWhereTheyWereToldLastAndAreNotHeldForLonger) {
  handoff_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  ASSERT_TRUE(handoff_.HoldsQuit(1, now_));
  const absl::Duration said = now_;
  now_ += absl::Milliseconds(500);
  handoff_.Tell(1, "ann", 4);
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - said, SessionHandoff::kHoldMax);
}

TEST_F(SessionHandoffTest, WhoLeavesThereAgainBeginsToCountAnew) {
  handoff_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  ASSERT_TRUE(handoff_.HoldsQuit(1, now_));
  now_ += SessionHandoff::kGrace / 2;
  places_.clear();
  Tick();
  places_.insert({"ann", 3});
  const absl::Duration back = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - back, SessionHandoff::kGrace);
}

TEST_F(SessionHandoffTest, AllSessionsAreReleasedEachInItsTime) {
  for (const uint64_t session : {3, 1, 2}) {
    handoff_.Tell(session, "ann", 3);
    handoff_.HoldsQuit(session, now_);
  }
  handoff_.OnClosed(2);
  EXPECT_EQ(TickUntilDue().released, Sessions({1, 3}));
}

TEST_F(SessionHandoffTest, TheDrainEndsWithByeOnce) {
  EXPECT_FALSE(handoff_.draining());
  EXPECT_EQ(handoff_.Left(now_), absl::InfiniteDuration());
  handoff_.Drain(absl::Seconds(30), now_);
  EXPECT_TRUE(handoff_.draining());
  EXPECT_EQ(handoff_.Left(now_ + absl::Seconds(10)), absl::Seconds(20));
  const absl::Duration begun = now_;
  EXPECT_TRUE(TickUntilDue().bye);
  EXPECT_EQ(now_ - begun, absl::Seconds(30));
  EXPECT_FALSE(Tick().bye);
  EXPECT_TRUE(handoff_.draining());
  EXPECT_EQ(handoff_.Left(now_ + absl::Seconds(10)), absl::ZeroDuration());
}

TEST_F(SessionHandoffTest, ADrainThatIsEndedSaysNoBye) {
  handoff_.Drain(absl::Seconds(30), now_);
  now_ += absl::Seconds(29);
  handoff_.Undrain();
  EXPECT_FALSE(handoff_.draining());
  now_ += absl::Seconds(2);
  EXPECT_FALSE(Tick().bye);
  handoff_.Drain(absl::Seconds(30), now_);  // A new drain, with its own time.
  EXPECT_EQ(handoff_.Left(now_), absl::Seconds(30));
}

// mgmt restarts again and again; the time that the operator gave stays the same.
TEST_F(SessionHandoffTest, WhatIsOrderedAgainAfterEachAttachGivesNoMoreTime) {
  const absl::Duration end = now_ + absl::Seconds(30);
  handoff_.Drain(absl::Seconds(30), now_);
  for (int i = 0; i < 4; ++i) {
    now_ += absl::Seconds(5);
    handoff_.OnAttached();
    EXPECT_FALSE(handoff_.draining());
    handoff_.Drain(absl::Seconds(30), now_);
    EXPECT_EQ(handoff_.Left(now_), end - now_);
  }
  handoff_.OnAttached();  // Also if the drain was ended in the meantime.
  handoff_.Undrain();
  handoff_.Drain(absl::Seconds(30), now_);
  EXPECT_EQ(handoff_.Left(now_), absl::Seconds(30));
}

TEST_F(SessionHandoffTest, AProgramThatStopsDrainsWhateverMgmtSays) {
  handoff_.DrainToStop(absl::Seconds(8), now_);
  handoff_.Undrain();
  handoff_.OnAttached();
  EXPECT_TRUE(handoff_.draining());
  EXPECT_EQ(handoff_.Left(now_), absl::Seconds(8));
  handoff_.Drain(absl::Seconds(3), now_);
  EXPECT_EQ(handoff_.Left(now_), absl::Seconds(3));
}

}  // namespace
}  // namespace convergia::edge
