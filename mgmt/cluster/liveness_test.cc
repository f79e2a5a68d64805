#include "mgmt/cluster/liveness.h"

#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kStart = absl::Seconds(100);

v1::Hello Hello(Epoch epoch) {
  v1::Hello hello;
  hello.set_epoch(epoch);
  return hello;
}

TEST(LivenessTest, SilenceMakesSuspectThenOffline) {
  Liveness liveness;
  ASSERT_OK(liveness.Attach(2, Hello(1), kStart));
  struct Case {
    absl::Duration after;
    LiveState state;
  };
  for (const Case& c : std::vector<Case>{{absl::Seconds(6), LiveState::kAlive},
                                         {absl::Seconds(7), LiveState::kSuspect},
                                         {absl::Seconds(12), LiveState::kSuspect},
                                         {absl::Seconds(13), LiveState::kOffline}}) {
    liveness.Tick(kStart + c.after);
    EXPECT_EQ(liveness.StateOf(2), c.state) << c.after;
  }
}

TEST(LivenessTest, AnyMessageKeepsItAlive) {
  Liveness liveness;
  ASSERT_OK(liveness.Attach(2, Hello(1), kStart));
  EXPECT_THAT(liveness.Tick(kStart + absl::Seconds(8)), testing::ElementsAre(2));
  liveness.Heard(2, kStart + absl::Seconds(8));
  EXPECT_EQ(liveness.StateOf(2), LiveState::kAlive);
  EXPECT_TRUE(liveness.Tick(kStart + absl::Seconds(14)).empty());
  liveness.Heard(3, kStart);
  EXPECT_EQ(liveness.Find(3), nullptr);
}

TEST(LivenessTest, DetachedIsSuspectUntilItIsOfflineOrBack) {
  Liveness liveness;
  ASSERT_OK(liveness.Attach(2, Hello(1), kStart));
  liveness.Detach(2, kStart + absl::Seconds(1));
  EXPECT_EQ(liveness.StateOf(2), LiveState::kSuspect);
  EXPECT_TRUE(liveness.Tick(kStart + absl::Seconds(12)).empty());
  ASSERT_OK(liveness.Attach(2, Hello(1), kStart + absl::Seconds(12)));
  EXPECT_EQ(liveness.StateOf(2), LiveState::kAlive);
  liveness.Detach(2, kStart + absl::Seconds(13));
  liveness.MarkOffline(2);
  EXPECT_EQ(liveness.StateOf(2), LiveState::kOffline);
}

TEST(LivenessTest, ANewerStartWins) {
  Liveness liveness;
  ASSERT_OK(liveness.Attach(2, Hello(5), kStart));
  ASSERT_OK(liveness.Attach(2, Hello(6), kStart));
  EXPECT_THAT(liveness.Attach(2, Hello(5), kStart),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(liveness.Find(2)->epoch, 6);
  ASSERT_OK(liveness.Attach(2, Hello(6), kStart));
}

TEST(LivenessTest, AnExpectedNodeIsSuspectUntilItAttachesOrTimeIsUp) {
  Liveness liveness;
  liveness.Expect(2, kStart);
  EXPECT_EQ(liveness.StateOf(2), LiveState::kSuspect);
  EXPECT_THAT(liveness.Tick(kStart + absl::Seconds(13)), testing::ElementsAre(2));
  EXPECT_EQ(liveness.StateOf(2), LiveState::kOffline);
  EXPECT_EQ(liveness.StateOf(9), LiveState::kOffline);
}

}  // namespace
}  // namespace convergia::mgmt
