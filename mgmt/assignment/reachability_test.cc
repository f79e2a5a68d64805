#include "mgmt/assignment/reachability.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

TEST(ReachabilityTest, TheLastReportCounts) {
  Reachability reachability;
  EXPECT_EQ(reachability.Find("alice"), nullptr);
  reachability.Put("alice", {{{2, 900}, {1, 100}}, {3}});
  reachability.Put("alice", {{{2, 50}}, {}});
  ASSERT_NE(reachability.Find("alice"), nullptr);
  EXPECT_EQ(reachability.Find("alice")->To(1), nullptr);
  EXPECT_EQ(reachability.Find("alice")->To(2)->rtt_us, 50);
  reachability.Put("alice", {{}, {1, 2}});
  EXPECT_NE(reachability.Find("alice")->To(2), nullptr) << "reaching nothing says nothing";
}

TEST(ReachabilityTest, AnEdgeThatOnlySomeReachStandsBehindAWall) {
  Reachability reachability;
  reachability.Put("inside", {{{1, 1}, {2, 1}}, {}});
  EXPECT_FALSE(reachability.IsWalled(1));
  reachability.Put("outside", {{{2, 1}}, {1}});
  EXPECT_TRUE(reachability.IsWalled(1));
  EXPECT_FALSE(reachability.IsWalled(2));
  reachability.ForgetMisses(1);
  EXPECT_FALSE(reachability.IsWalled(1));
  reachability.Put("outside", {{{2, 1}}, {1}});
  EXPECT_TRUE(reachability.IsWalled(1)) << "missed again, since it came back";
  reachability.Put("outside", {{{2, 1}, {1, 7}}, {}});
  EXPECT_FALSE(reachability.IsWalled(1));
}

TEST(ReachabilityTest, OneUnluckyClientInManyMakesNoWall) {
  Reachability reachability;
  for (int i = 0; i < 9; ++i) reachability.Put(absl::StrCat("user", i), {{{1, 1}}, {}});
  reachability.Put("unlucky", {{{2, 1}}, {1}});
  EXPECT_FALSE(reachability.IsWalled(1));
}

TEST(ReachabilityTest, IsBoundedAndMakesRoomOfThoseWhoLeft) {
  Reachability reachability(/*users_max=*/10);
  for (int i = 0; i < 20; ++i) reachability.Put(absl::StrCat("user", i), {{{1, 1}}, {}});
  EXPECT_EQ(reachability.size(), 10);
  reachability.Sweep([](const std::string& user) { return user == "user3"; });
  EXPECT_EQ(reachability.size(), 1);
  Reachability::Reach many;
  for (NodeId edge = 1; edge <= 100; ++edge) many.reached.push_back({edge, 1'000 - edge});
  reachability.Put("user30", many);
  EXPECT_EQ(reachability.Find("user30")->reached.size(), Reachability::kEdgesMax);
  EXPECT_NE(reachability.Find("user30")->To(100), nullptr) << "the nearest are kept";
}

}  // namespace
}  // namespace convergia::mgmt
