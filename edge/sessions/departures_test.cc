#include "edge/sessions/departures.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace convergia::edge {
namespace {

using Sessions = std::vector<uint64_t>;

class DeparturesTest : public testing::Test {
 protected:
  Departures::Due Tick() {
    return departures_.Tick(
        [this](const std::string& user, NodeId edge) {
          return places_.contains({user, edge});
        },
        now_);
  }
  // The first tick that releases somebody, or says bye.
  Departures::Due TickUntilDue() {
    for (int i = 0; i < 1'000; ++i, now_ += absl::Milliseconds(100)) {
      Departures::Due due = Tick();
      if (!due.released.empty() || due.bye) return due;
    }
    return {};
  }

  absl::Duration now_ = absl::Seconds(100);
  std::set<std::pair<std::string, NodeId>> places_;
  Departures departures_;
};

TEST_F(DeparturesTest, WhoWasNotToldQuitsAtOnce) {
  EXPECT_FALSE(departures_.HoldsQuit(1, now_));
  EXPECT_TRUE(Tick().released.empty());
}

TEST_F(DeparturesTest, WhoQuitsEarlyIsHeldUntilEveryoneKnowsWhereTheyAre) {
  departures_.Tell(1, "ann", 3);
  EXPECT_TRUE(departures_.HoldsQuit(1, now_));
  EXPECT_TRUE(Tick().released.empty());
  now_ += absl::Seconds(2);
  places_.insert({"ann", 3});
  const absl::Duration there = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - there, Departures::kGrace);
  departures_.OnClosed(1);
  EXPECT_TRUE(Tick().released.empty());
}

TEST_F(DeparturesTest, WhoIsThereForLongQuitsAtOnce) {
  departures_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  now_ += Departures::kGrace;
  EXPECT_FALSE(departures_.HoldsQuit(1, now_));
}

TEST_F(DeparturesTest, WhoNeverArrivesIsHeldNoLongerThanSomeSeconds) {
  departures_.Tell(1, "ann", 3);
  places_.insert({"ann", 4});  // Elsewhere, which is no reason to let go.
  ASSERT_TRUE(departures_.HoldsQuit(1, now_));
  const absl::Duration said = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - said, Departures::kHoldMax);
}

TEST_F(DeparturesTest, ToldAgainTheyGoWhereTheyWereToldLastAndAreNotHeldForLonger) {
  departures_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  ASSERT_TRUE(departures_.HoldsQuit(1, now_));
  const absl::Duration said = now_;
  now_ += absl::Milliseconds(500);
  departures_.Tell(1, "ann", 4);
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - said, Departures::kHoldMax);
}

TEST_F(DeparturesTest, WhoLeavesThereAgainBeginsToCountAnew) {
  departures_.Tell(1, "ann", 3);
  places_.insert({"ann", 3});
  Tick();
  ASSERT_TRUE(departures_.HoldsQuit(1, now_));
  now_ += Departures::kGrace / 2;
  places_.clear();
  Tick();
  places_.insert({"ann", 3});
  const absl::Duration back = now_;
  EXPECT_EQ(TickUntilDue().released, Sessions({1}));
  EXPECT_EQ(now_ - back, Departures::kGrace);
}

TEST_F(DeparturesTest, AllSessionsAreReleasedEachInItsTime) {
  for (const uint64_t session : {3, 1, 2}) {
    departures_.Tell(session, "ann", 3);
    departures_.HoldsQuit(session, now_);
  }
  departures_.OnClosed(2);
  EXPECT_EQ(TickUntilDue().released, Sessions({1, 3}));
}

TEST_F(DeparturesTest, TheDrainEndsWithByeOnce) {
  EXPECT_FALSE(departures_.draining());
  EXPECT_EQ(departures_.Left(now_), absl::InfiniteDuration());
  departures_.Drain(absl::Seconds(30), now_);
  EXPECT_TRUE(departures_.draining());
  EXPECT_EQ(departures_.Left(now_ + absl::Seconds(10)), absl::Seconds(20));
  const absl::Duration begun = now_;
  EXPECT_TRUE(TickUntilDue().bye);
  EXPECT_EQ(now_ - begun, absl::Seconds(30));
  EXPECT_FALSE(Tick().bye);
  EXPECT_TRUE(departures_.draining());
  EXPECT_EQ(departures_.Left(now_ + absl::Seconds(10)), absl::ZeroDuration());
}

TEST_F(DeparturesTest, ADrainThatIsEndedSaysNoBye) {
  departures_.Drain(absl::Seconds(30), now_);
  now_ += absl::Seconds(29);
  departures_.Undrain();
  EXPECT_FALSE(departures_.draining());
  now_ += absl::Seconds(2);
  EXPECT_FALSE(Tick().bye);
  departures_.Drain(absl::Seconds(30), now_);  // Another one, with its own time.
  EXPECT_EQ(departures_.Left(now_), absl::Seconds(30));
}

// mgmt restarts again and again, and the time that the operator gave is kept all the same.
TEST_F(DeparturesTest, WhatIsOrderedAgainAfterEachAttachGivesNoMoreTime) {
  const absl::Duration end = now_ + absl::Seconds(30);
  departures_.Drain(absl::Seconds(30), now_);
  for (int i = 0; i < 4; ++i) {
    now_ += absl::Seconds(5);
    departures_.OnAttached();
    EXPECT_FALSE(departures_.draining());
    departures_.Drain(absl::Seconds(30), now_);
    EXPECT_EQ(departures_.Left(now_), end - now_);
  }
  departures_.OnAttached();  // And once it has been ended meanwhile.
  departures_.Undrain();
  departures_.Drain(absl::Seconds(30), now_);
  EXPECT_EQ(departures_.Left(now_), absl::Seconds(30));
}

TEST_F(DeparturesTest, AProgramThatStopsDrainsWhateverMgmtSays) {
  departures_.DrainToStop(absl::Seconds(8), now_);
  departures_.Undrain();
  departures_.OnAttached();
  EXPECT_TRUE(departures_.draining());
  EXPECT_EQ(departures_.Left(now_), absl::Seconds(8));
  departures_.Drain(absl::Seconds(3), now_);
  EXPECT_EQ(departures_.Left(now_), absl::Seconds(3));
}

}  // namespace
}  // namespace convergia::edge
