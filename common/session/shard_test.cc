// An actor with a shard as its executor.

#include "common/session/shard.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/base/actor/actor.h"

namespace convergia::session {
namespace {

class ShardTest : public testing::Test {
 protected:
  ShardTest() { shard_.Start(); }
  ~ShardTest() override { shard_.Stop(); }

  const Clock& clock_ = RealClock::Get();
  Shard shard_{/*index=*/0, clock_, /*tick=*/absl::Milliseconds(100)};
};

TEST_F(ShardTest, AnActorHasItsEventsAndTurnsOnTheShardsThread) {
  std::vector<int> seen;
  int turns = 0;
  const auto turn = [&](absl::Duration, bool) {
    EXPECT_TRUE(shard_.RunsHere());
    ++turns;
    return absl::InfiniteDuration();
  };
  Actor actor({.executor = &shard_, .clock = &clock_}, {.turn = turn});
  actor.Start();
  for (int i = 0; i < 1000; ++i) {
    actor.Post([&, i] {
      EXPECT_TRUE(shard_.RunsHere());
      seen.push_back(i);
    });
  }
  actor.Stop();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
  EXPECT_GE(turns, 1);
}

TEST_F(ShardTest, AnActorHasTurnsWithoutEvents) {
  absl::Notification third;
  int turns = 0;
  const auto turn = [&](absl::Duration, bool) {
    if (++turns == 3) third.Notify();
    return absl::Milliseconds(1);
  };
  Actor actor({.executor = &shard_, .clock = &clock_}, {.turn = turn});
  actor.Start();
  third.WaitForNotification();
  actor.Stop();
  EXPECT_GE(turns, 4) << "the last turn is one more";
}

TEST_F(ShardTest, TasksRunWhenTheirTimeHasComeTheEarliestFirst) {
  std::string order;
  absl::Notification last;
  const absl::Duration start = clock_.Elapsed();
  shard_.PostAfter(absl::Milliseconds(40), [&] {
    order += "c";
    EXPECT_GE(clock_.Elapsed() - start, absl::Milliseconds(40));
    last.Notify();
  });
  shard_.PostAfter(absl::Milliseconds(20), [&] {
    order += "b";
    shard_.PostAfter(absl::ZeroDuration(), [&] { order += "+"; });
  });
  shard_.PostAfter(absl::ZeroDuration(), [&] { order += "a"; });
  last.WaitForNotification();
  EXPECT_EQ(order, "ab+c");
}

TEST_F(ShardTest, StopDropsTasksThatWaitForTheirTime) {
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> weak = held;
  shard_.PostAfter(absl::Hours(1), [held] { ADD_FAILURE(); });
  held.reset();
  EXPECT_FALSE(weak.expired());
  shard_.Stop();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace convergia::session
