#include "edge/link_health.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

constexpr absl::Duration kStart = absl::Seconds(7);

TEST(LinkHealthTest, PingsAtOnceAndThenEachHeartbeat) {
  LinkHealth health(kStart);
  EXPECT_NE(health.TakePing(kStart), 0);
  EXPECT_EQ(health.TakePing(kStart + absl::Seconds(4)), 0);
  EXPECT_NE(health.TakePing(kStart + limits::kLinkHeartbeat), 0);
}

TEST(LinkHealthTest, MeasuresTheRoundTripAndSmoothsIt) {
  LinkHealth health(kStart);
  EXPECT_EQ(health.rtt_us(), 0);
  const uint64_t first = health.TakePing(kStart);
  health.OnPong(first, kStart + absl::Microseconds(400));
  EXPECT_EQ(health.rtt_us(), 400);
  const absl::Duration later = kStart + limits::kLinkHeartbeat;
  const uint64_t second = health.TakePing(later);
  health.OnPong(second, later + absl::Microseconds(800));
  EXPECT_EQ(health.rtt_us(), 500);
  health.OnPong(second, later + absl::Seconds(2));  // Once is enough.
  health.OnPong(999, later);
  EXPECT_EQ(health.rtt_us(), 500);
}

TEST(LinkHealthTest, AnInstantAnswerIsStillSomeTime) {
  LinkHealth health(kStart);
  health.OnPong(health.TakePing(kStart), kStart);
  EXPECT_EQ(health.rtt_us(), 1);
}

TEST(LinkHealthTest, CountsPingsWithoutAnswer) {
  LinkHealth health(kStart);
  absl::Duration now = kStart;
  for (int i = 0; i < 4; ++i, now += limits::kLinkHeartbeat) {
    const uint64_t number = health.TakePing(now);
    if (i % 2 == 0) health.OnPong(number, now + absl::Milliseconds(1));
  }
  EXPECT_DOUBLE_EQ(health.loss(now), 0.5);
}

TEST(LinkHealthTest, DiesOfSilenceAlone) {
  LinkHealth health(kStart);
  const absl::Duration later = kStart + limits::kLinkDeadAfter;
  EXPECT_FALSE(health.IsDead(later - absl::Milliseconds(1)));
  EXPECT_TRUE(health.IsDead(later));
  health.OnHeard(later);
  EXPECT_FALSE(health.IsDead(later));
}

}  // namespace
}  // namespace convergia::edge
