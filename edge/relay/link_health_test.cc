#include "edge/relay/link_health.h"

#include <gtest/gtest.h>

#include <vector>

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
  absl::Duration later = kStart;
  uint64_t second = 0;
  for (int i = 0; i < 2; ++i) {  // A slower answer counts from the second time on.
    EXPECT_EQ(health.rtt_us(), 400);
    later += limits::kLinkHeartbeat;
    second = health.TakePing(later);
    health.OnPong(second, later + absl::Microseconds(800));
  }
  EXPECT_EQ(health.rtt_us(), 500);
  health.OnPong(second, later + absl::Seconds(2));  // Once is enough.
  health.OnPong(999, later);
  EXPECT_EQ(health.rtt_us(), 500);
}

// Answers that were held up come all at once when the way is open again.
TEST(LinkHealthTest, ALinkThatWasBlockedForAWhileIsNoSlowerThanBefore) {
  LinkHealth health(kStart);
  const auto answer_after = [&](uint64_t ping, absl::Duration sent, absl::Duration took) {
    health.OnPong(ping, sent + took);
  };
  absl::Duration now = kStart;
  answer_after(health.TakePing(now), now, absl::Milliseconds(1));
  std::vector<uint64_t> pings;
  for (int i = 0; i < 3; ++i) {
    now += limits::kLinkHeartbeat;
    pings.push_back(health.TakePing(now));
  }
  const absl::Duration open = now + absl::Seconds(2);
  for (const uint64_t ping : pings) health.OnPong(ping, open);
  EXPECT_EQ(health.rtt_us(), 1000);
  EXPECT_EQ(health.loss(open), 0.5);  // Of four answers two came too late to be any.
  now += limits::kLinkHeartbeat;
  answer_after(health.TakePing(now), now, absl::Milliseconds(1));
  EXPECT_EQ(health.rtt_us(), 1000);
}

TEST(LinkHealthTest, ALinkThatBeginsBlockedIsMeasuredByItsNextAnswer) {
  LinkHealth health(kStart);
  health.OnPong(health.TakePing(kStart), kStart + absl::Seconds(4));
  EXPECT_EQ(health.rtt_us(), 4'000'000);
  const absl::Duration later = kStart + limits::kLinkHeartbeat;
  health.OnPong(health.TakePing(later), later + absl::Milliseconds(1));
  EXPECT_EQ(health.rtt_us(), 1000);
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
