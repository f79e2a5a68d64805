#include "edge/links/dial_plan.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

constexpr absl::Duration kNow = absl::Seconds(10);

std::vector<EdgePeer> Peers(Epoch epoch = 5) {
  return {{.node = 1, .name = "self", .epoch = 1, .addresses = {"s:1"}},
          {.node = 2, .name = "two", .epoch = epoch, .addresses = {"a:1", "b:1"}}};
}

TEST(DialPlanTest, DialsOthersButNotItself) {
  DialPlan plan(1, /*seed=*/7);
  plan.SetPeers(Peers());
  const auto due = plan.Due(kNow);
  ASSERT_EQ(due.size(), 1);
  EXPECT_EQ(due[0].node, 2);
  EXPECT_EQ(due[0].address, "a:1");
  EXPECT_TRUE(plan.Due(kNow).empty());  // Under way.
}

TEST(DialPlanTest, TriesAllAddressesAndThenRests) {
  DialPlan plan(1, 7);
  plan.SetPeers(Peers());
  plan.Due(kNow);
  plan.OnDialDone(2, /*reached=*/false, kNow);
  const auto second = plan.Due(kNow);
  ASSERT_EQ(second.size(), 1);
  EXPECT_EQ(second[0].address, "b:1");
  plan.OnDialDone(2, /*reached=*/false, kNow);
  EXPECT_TRUE(plan.Due(kNow).empty());
  const auto third = plan.Due(kNow + limits::kLinkRedialFirst);
  ASSERT_EQ(third.size(), 1);
  EXPECT_EQ(third[0].address, "a:1");
}

TEST(DialPlanTest, DoesNotDialWhatIsLinkedWhoeverDialled) {
  DialPlan plan(1, 7);
  plan.SetPeers(Peers());
  plan.SetLinked({2}, kNow);
  EXPECT_TRUE(plan.Due(kNow).empty());
  plan.SetPeers(Peers());  // Says nothing of links.
  EXPECT_TRUE(plan.Due(kNow).empty());
  plan.SetLinked({}, kNow);
  EXPECT_EQ(plan.Due(kNow + limits::kLinkRedialFirst).size(), 1);
}

TEST(DialPlanTest, ANewerStartIsDialledAtOnce) {
  DialPlan plan(1, 7);
  plan.SetPeers(Peers());
  for (int i = 0; i < 6; ++i) {
    plan.Due(kNow + i * absl::Hours(1));
    plan.OnDialDone(2, /*reached=*/false, kNow + absl::Hours(100));
  }
  EXPECT_TRUE(plan.Due(kNow + absl::Hours(100)).empty());
  plan.SetPeers(Peers(/*epoch=*/6));
  EXPECT_EQ(plan.Due(kNow).size(), 1);
}

TEST(DialPlanTest, AnyContactEndsTheRest) {
  DialPlan plan(1, 7);
  plan.SetPeers(Peers());
  for (int i = 0; i < 6; ++i) {
    plan.Due(kNow + i * absl::Hours(1));
    plan.OnDialDone(2, /*reached=*/false, kNow + absl::Hours(100));
  }
  EXPECT_TRUE(plan.Due(kNow + absl::Hours(100)).empty());
  plan.OnContact(2);  // It dialled us, and its link broke at once, say.
  EXPECT_EQ(plan.Due(kNow + absl::Hours(100)).size(), 1);
  plan.OnContact(77);
}

TEST(DialPlanTest, ForgetsWhoLeft) {
  DialPlan plan(1, 7);
  plan.SetPeers(Peers());
  plan.SetPeers({});
  EXPECT_TRUE(plan.Due(kNow).empty());
  plan.SetLinked({2}, kNow);
  plan.OnDialDone(2, /*reached=*/false, kNow);
}

}  // namespace
}  // namespace convergia::edge
