#include "mgmt/assignment/reachability.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

TEST(ReachBookTest, TheLastReportCounts) {
  Reachability book;
  EXPECT_EQ(book.Find("alice"), nullptr);
  book.Put("alice", {{{2, 900}, {1, 100}}, {3}});
  book.Put("alice", {{{2, 50}}, {}});
  ASSERT_NE(book.Find("alice"), nullptr);
  EXPECT_EQ(book.Find("alice")->To(1), nullptr);
  EXPECT_EQ(book.Find("alice")->To(2)->rtt_us, 50);
  book.Put("alice", {{}, {1, 2}});
  EXPECT_NE(book.Find("alice")->To(2), nullptr) << "reaching nothing says nothing";
}

TEST(ReachBookTest, AnEdgeThatOnlySomeReachStandsBehindAWall) {
  Reachability book;
  book.Put("inside", {{{1, 1}, {2, 1}}, {}});
  EXPECT_FALSE(book.IsWalled(1));
  book.Put("outside", {{{2, 1}}, {1}});
  EXPECT_TRUE(book.IsWalled(1));
  EXPECT_FALSE(book.IsWalled(2));
  book.ForgetMisses(1);
  EXPECT_FALSE(book.IsWalled(1));
  book.Put("outside", {{{2, 1}}, {1}});
  EXPECT_TRUE(book.IsWalled(1)) << "missed again, since it came back";
  book.Put("outside", {{{2, 1}, {1, 7}}, {}});
  EXPECT_FALSE(book.IsWalled(1));
}

TEST(ReachBookTest, OneUnluckyClientInManyMakesNoWall) {
  Reachability book;
  for (int i = 0; i < 9; ++i) book.Put(absl::StrCat("user", i), {{{1, 1}}, {}});
  book.Put("unlucky", {{{2, 1}}, {1}});
  EXPECT_FALSE(book.IsWalled(1));
}

TEST(ReachBookTest, IsBoundedAndMakesRoomOfThoseWhoLeft) {
  Reachability book(/*users_max=*/10);
  for (int i = 0; i < 20; ++i) book.Put(absl::StrCat("user", i), {{{1, 1}}, {}});
  EXPECT_EQ(book.size(), 10);
  book.Sweep([](const std::string& user) { return user == "user3"; });
  EXPECT_EQ(book.size(), 1);
  Reachability::Reach many;
  for (NodeId edge = 1; edge <= 100; ++edge) many.reached.push_back({edge, 1'000 - edge});
  book.Put("user30", many);
  EXPECT_EQ(book.Find("user30")->reached.size(), Reachability::kEdgesMax);
  EXPECT_NE(book.Find("user30")->To(100), nullptr) << "the nearest are kept";
}

}  // namespace
}  // namespace convergia::mgmt
