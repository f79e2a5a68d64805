#include "edge/relay/routes/route_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace convergia::edge {
namespace {

constexpr absl::Duration kNow = absl::Seconds(50);

// Edge 1 among 2, 3, 4, 5.
class RouteTableTest : public testing::Test {
 protected:
  std::optional<Hops> Find(NodeId destination, const std::set<NodeId>& up,
                           absl::Duration now = kNow) {
    return table_.Find(
        destination, [&](NodeId peer) { return up.contains(peer); }, now);
  }

  RouteTable table_{1};
};

TEST_F(RouteTableTest, BeforeAnyArePlottedALinkStraightThereWillDo) {
  EXPECT_EQ(Find(2, {2, 3}), Hops({2}));
  EXPECT_EQ(Find(4, {2, 3}), std::nullopt);
  EXPECT_EQ(Find(1, {1}), std::nullopt);
}

TEST_F(RouteTableTest, TakesTheBestThenTheSecondThenTheStraightLink) {
  EXPECT_EQ(table_.Replace({{.destination = 4, .best = {2, 4}, .second = {3, 5, 4}}}), 0);
  EXPECT_EQ(Find(4, {2, 3, 4}), Hops({2, 4}));
  EXPECT_EQ(Find(4, {3, 4}), Hops({3, 5, 4}));
  EXPECT_EQ(Find(4, {4}), Hops({4}));
  EXPECT_EQ(Find(4, {5}), std::nullopt);
}

TEST_F(RouteTableTest, AWayOnWhichSomethingBouncedRestsForAWhile) {
  table_.Replace(
      {{.destination = 4, .best = {2, 4}, .second = {3, 4}}, {.destination = 5, .best = {2, 5}}});
  table_.OnBounce(4, {2}, kNow);
  EXPECT_EQ(Find(4, {2, 3}), Hops({3, 4}));
  EXPECT_EQ(Find(5, {2, 3}), Hops({2, 5}));  // Another destination is not concerned.
  table_.OnBounce(4, {3}, kNow);
  EXPECT_EQ(Find(4, {2, 3}), std::nullopt);
  EXPECT_EQ(Find(4, {2, 3}, kNow + RouteTable::kBounceMemory), Hops({2, 4}));
}

TEST_F(RouteTableTest, NewRoutesForgetBounces) {
  table_.OnBounce(4, {2}, kNow);
  table_.Replace({{.destination = 4, .best = {2, 4}}});
  EXPECT_EQ(Find(4, {2}), Hops({2, 4}));
}

TEST_F(RouteTableTest, UnsoundRoutesAreLeftOutAndNothingElseSuffers) {
  const int left_out = table_.Replace({
      {.destination = 2, .best = {2}, .second = {3, 1, 2}},  // Through ourselves.
      {.destination = 3, .best = {2, 2, 3}},                 // Twice through one.
      {.destination = 4, .best = {2, 3}},                    // Ends elsewhere.
      {.destination = 5, .best = Hops(17, 5)},               // Too long.
  });
  EXPECT_EQ(left_out, 4);
  EXPECT_EQ(table_.size(), 1);
  EXPECT_EQ(Find(2, {2, 3}), Hops({2}));
  EXPECT_EQ(Find(4, {2, 3}), std::nullopt);
}

TEST_F(RouteTableTest, ASilentWayIsLeftForAnotherAndTriedAgainLater) {
  table_.Replace({{.destination = 4, .best = {2, 4}, .second = {3, 4}}});
  table_.OnSilence(4, {2, 4}, kNow);
  EXPECT_EQ(Find(4, {2, 3}), Hops({3, 4}));
  // Also when mgmt, which heard nothing of it, plots the same again.
  table_.Replace({{.destination = 4, .best = {2, 4}, .second = {3, 4}}});
  EXPECT_EQ(Find(4, {2, 3}), Hops({3, 4}));
  EXPECT_EQ(Find(4, {2, 3}, kNow + RouteTable::kSilenceMemory), Hops({2, 4}));
  table_.OnLinkUp(2);
  EXPECT_EQ(Find(4, {2, 3}), Hops({2, 4}));
}

TEST_F(RouteTableTest, WhereAllAreSilentTheOneThatIsLongestIsTaken) {
  table_.Replace({{.destination = 4, .best = {2, 4}, .second = {3, 4}}});
  table_.OnSilence(4, {2, 4}, kNow);
  EXPECT_EQ(Find(4, {2}), Hops({2, 4}));
  table_.OnSilence(4, {3, 4}, kNow + absl::Seconds(3));
  EXPECT_EQ(Find(4, {2, 3}, kNow + absl::Seconds(3)), Hops({2, 4}));
  table_.OnSilence(4, {2, 4}, kNow + absl::Seconds(6));
  EXPECT_EQ(Find(4, {2, 3}, kNow + absl::Seconds(6)), Hops({3, 4}));
}

TEST_F(RouteTableTest, WithoutAnyOtherWayItAnswersOnTheOneThatSomethingCameOn) {
  table_.OnArrival(4, {3, 2}, kNow);
  EXPECT_EQ(Find(4, {2, 3}), Hops({2, 3, 4}));
  EXPECT_EQ(Find(4, {2, 4}), Hops({4}));
  EXPECT_EQ(Find(4, {3}), std::nullopt);
  table_.OnBounce(4, std::vector<NodeId>{2, 3}, kNow);
  EXPECT_EQ(Find(4, {2, 3}), std::nullopt);
  EXPECT_EQ(Find(4, {2, 3}, kNow + RouteTable::kBackwardMemory), std::nullopt);
}

}  // namespace
}  // namespace convergia::edge
