// The parts of a connection that need no socket.

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/session/counters.h"
#include "common/session/limits/connection_limiter.h"
#include "common/session/limits/token_bucket.h"
#include "common/session/push_meter.h"
#include "common/session/timing_wheel.h"

namespace convergia::session {
namespace {

using Welcome = ConnectionLimiter::Welcome;

struct Alarm : TimingWheel::Entry {
  std::string name;
};

class TimingWheelTest : public testing::Test {
 protected:
  std::string AdvanceTo(absl::Duration now) {
    std::string due;
    wheel_.Advance(now, [&](TimingWheel::Entry& entry) {
      absl::StrAppend(&due, static_cast<Alarm&>(entry).name);
    });
    return due;
  }

  TimingWheel wheel_{absl::Seconds(1), absl::Seconds(100)};
  Alarm a_, b_;
  void SetUp() override {
    a_.name = "a";
    b_.name = "b";
  }
};

TEST_F(TimingWheelTest, CallsEachOnceWhenItsTimeHasCome) {
  wheel_.Set(a_, absl::Seconds(102));
  wheel_.Set(b_, absl::Seconds(105));
  EXPECT_EQ(AdvanceTo(absl::Seconds(101)), "");
  EXPECT_EQ(AdvanceTo(absl::Seconds(103)), "a");
  EXPECT_EQ(AdvanceTo(absl::Seconds(103)), "");
  EXPECT_EQ(AdvanceTo(absl::Seconds(1000)), "b");
}

TEST_F(TimingWheelTest, ADeadlineCanBeMovedBothWaysAndDropped) {
  wheel_.Set(a_, absl::Seconds(102));
  wheel_.Set(a_, absl::Seconds(110));
  EXPECT_EQ(AdvanceTo(absl::Seconds(105)), "");
  wheel_.Set(a_, absl::Seconds(106));
  EXPECT_EQ(AdvanceTo(absl::Seconds(107)), "a");
  wheel_.Set(a_, absl::Seconds(108));
  wheel_.Set(b_, absl::Seconds(108));
  wheel_.Drop(a_);
  wheel_.Drop(a_);
  EXPECT_EQ(AdvanceTo(absl::Seconds(120)), "b");
}

TEST_F(TimingWheelTest, APastDeadlineIsDueAtTheNextTickAndAFarOneAtTheEndOfTheWheel) {
  wheel_.Set(a_, absl::Seconds(1));
  wheel_.Set(b_, absl::InfiniteDuration());
  EXPECT_EQ(AdvanceTo(absl::Seconds(101)), "a");
  EXPECT_EQ(AdvanceTo(absl::Seconds(1000)), "");
  EXPECT_EQ(AdvanceTo(absl::Seconds(1200)), "b");
}

TEST_F(TimingWheelTest, WhatIsSetWhileCallingIsForLater) {
  int calls = 0;
  wheel_.Set(a_, absl::Seconds(101));
  wheel_.Advance(absl::Seconds(5000), [&](TimingWheel::Entry& entry) {
    ++calls;
    wheel_.Set(entry, absl::Seconds(0));
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(AdvanceTo(absl::Seconds(5001)), "a");
}

TEST(PushMeterTest, AnswersThatLeaveFirstAreNotDeducted) {
  PushMeter pushes;
  pushes.OnPush(/*ahead=*/100, 10);
  pushes.OnPush(/*ahead=*/110, 5);
  pushes.OnPush(/*ahead=*/125, 20);  // Behind an answer of 10 bytes.
  EXPECT_EQ(pushes.bytes(), 35);
  pushes.OnWritten(90, /*is_empty=*/false);
  EXPECT_EQ(pushes.bytes(), 35);
  pushes.OnWritten(14, /*is_empty=*/false);
  EXPECT_EQ(pushes.bytes(), 31);
  pushes.OnWritten(16, /*is_empty=*/false);  // The rest of the first two, and half of the answer.
  EXPECT_EQ(pushes.bytes(), 20);
  pushes.OnPush(/*ahead=*/25, 3);
  pushes.OnWritten(6, /*is_empty=*/false);
  EXPECT_EQ(pushes.bytes(), 22);
  pushes.OnWritten(22, /*is_empty=*/true);
  EXPECT_EQ(pushes.bytes(), 0);
  pushes.OnPush(/*ahead=*/7, 1);
  pushes.OnWritten(7, /*is_empty=*/false);
  EXPECT_EQ(pushes.bytes(), 1);
}

TEST(TokenBucketTest, GivesABurstAndThenTheRate) {
  constexpr Rate kRate = {.per_second = 2, .burst = 3};
  TokenBucket bucket(absl::ZeroDuration(), kRate);
  EXPECT_TRUE(bucket.Take(absl::ZeroDuration(), kRate));
  EXPECT_TRUE(bucket.Take(absl::ZeroDuration(), kRate));
  EXPECT_FALSE(bucket.Take(absl::ZeroDuration(), kRate)) << "this one may go, the next waits";
  EXPECT_EQ(bucket.NextToken(kRate), absl::Milliseconds(500));
  EXPECT_FALSE(bucket.HasToken(absl::Milliseconds(400), kRate));
  EXPECT_TRUE(bucket.HasToken(absl::Milliseconds(500), kRate));
  EXPECT_FALSE(bucket.Take(absl::Milliseconds(500), kRate));
  EXPECT_TRUE(bucket.Take(absl::Hours(1), kRate)) << "never more than the burst";
  EXPECT_TRUE(bucket.Take(absl::Hours(1), kRate));
  EXPECT_FALSE(bucket.Take(absl::Hours(1), kRate));
}

TEST(TokenBucketTest, ATakeOfManyGoesIntoDebt) {
  constexpr Rate kRate = {.per_second = 10, .burst = 100};
  TokenBucket bucket(absl::ZeroDuration(), kRate);
  EXPECT_TRUE(bucket.Take(absl::ZeroDuration(), kRate, /*cost=*/99));
  EXPECT_FALSE(bucket.Take(absl::ZeroDuration(), kRate, /*cost=*/50));
  EXPECT_EQ(bucket.NextToken(kRate), absl::Seconds(5));
  EXPECT_FALSE(bucket.HasToken(absl::Milliseconds(4'900), kRate));
  EXPECT_TRUE(bucket.HasToken(absl::Seconds(5), kRate));
}

TEST(ConnectionLimiterTest, BoundsStrangersPerAddressAndTellsOnlySome) {
  ConnectionLimiter limiter({.unauthenticated_per_address_max = 2,
                             .signed_in_per_address_max = 1,
                             .connections_max = 100});
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kYes);
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kYes);
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kTellAndClose);
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kTellAndClose);
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kClose);
  EXPECT_EQ(limiter.Arrive("10.0.0.2"), Welcome::kYes);
  EXPECT_TRUE(limiter.SignIn("10.0.0.1"));
  EXPECT_FALSE(limiter.SignIn("10.0.0.1"));
  EXPECT_EQ(limiter.connections(), 5);
  EXPECT_EQ(limiter.signed_in(), 1);
  limiter.Leave("10.0.0.1", /*signed_in=*/true);
  for (int i = 0; i < 3; ++i) limiter.Leave("10.0.0.1", /*signed_in=*/false);
  EXPECT_FALSE(limiter.WaitUntilEmpty(absl::ZeroDuration()));
  limiter.Leave("10.0.0.2", /*signed_in=*/false);
  EXPECT_TRUE(limiter.WaitUntilEmpty(absl::ZeroDuration()));
}

TEST(ConnectionLimiterTest, OneIpv6NetworkIsOneAddress) {
  ConnectionLimiter limiter({.unauthenticated_per_address_max = 1,
                             .signed_in_per_address_max = 1,
                             .connections_max = 100});
  EXPECT_EQ(limiter.Arrive("2001:db8:1:2::1"), Welcome::kYes);
  EXPECT_EQ(limiter.Arrive("2001:db8:1:2:ffff::2"), Welcome::kTellAndClose);
  EXPECT_EQ(limiter.Arrive("2001:db8:1:3::1"), Welcome::kYes);
}

TEST(ConnectionLimiterTest, BoundsAllTogether) {
  ConnectionLimiter limiter(
      {.unauthenticated_per_address_max = 9, .signed_in_per_address_max = 9, .connections_max = 2});
  EXPECT_EQ(limiter.Arrive("10.0.0.1"), Welcome::kYes);
  EXPECT_EQ(limiter.Arrive("10.0.0.2"), Welcome::kYes);
  EXPECT_EQ(limiter.Arrive("10.0.0.3"), Welcome::kClose);
}

TEST(CountersTest, EveryCounterHasItsName) {
  for (size_t i = 0; i < static_cast<size_t>(Counter::kCount); ++i) {
    EXPECT_FALSE(CounterName(static_cast<Counter>(i)).empty());
  }
  EXPECT_EQ(CounterName(Counter::kClosedByServer), "closed_by_server");
}

}  // namespace
}  // namespace convergia::session
