#include "edge/messages/send_order.h"

#include <gtest/gtest.h>

namespace convergia::edge {
namespace {

using Order = SendOrder<int>;

TEST(SendOrderTest, ManyMayBeUnderWayToTheSamePlaces) {
  Order order;
  EXPECT_TRUE(order.MayLeave("bob", {2}));
  order.OnLeft("bob", {2});
  EXPECT_TRUE(order.MayLeave("bob", {2}));
  order.OnLeft("bob", {2});
  order.OnAnswered("bob");
  order.OnAnswered("bob");
  EXPECT_TRUE(order.empty());
}

TEST(SendOrderTest, OneToOtherPlacesWaitsForThoseUnderWay) {
  Order order;
  order.OnLeft("bob", {2});
  EXPECT_FALSE(order.MayLeave("bob", {3}));
  EXPECT_FALSE(order.MayLeave("bob", {2, 3}));
  EXPECT_TRUE(order.MayLeave("carol", {3}));
  ASSERT_EQ(order.Hold("bob", 1, 10), std::nullopt);
  int held = 0;
  EXPECT_FALSE(order.TakeHeld("bob", {3}, &held));
  order.OnAnswered("bob");
  ASSERT_TRUE(order.TakeHeld("bob", {3}, &held));
  EXPECT_EQ(held, 1);
  EXPECT_TRUE(order.empty());
}

TEST(SendOrderTest, NobodyOvertakesTheHeld) {
  Order order;
  order.OnLeft("bob", {2});
  ASSERT_EQ(order.Hold("bob", 1, 10), std::nullopt);
  EXPECT_FALSE(order.MayLeave("bob", {2}));  // By its places alone it could leave.
  ASSERT_EQ(order.Hold("bob", 2, 10), std::nullopt);
  order.OnAnswered("bob");
  int held = 0;
  ASSERT_TRUE(order.TakeHeld("bob", {3}, &held));
  EXPECT_EQ(held, 1);
  order.OnLeft("bob", {3});
  EXPECT_FALSE(order.TakeHeld("bob", {4}, &held));  // The recipient has moved again.
  EXPECT_TRUE(order.HasHeld("bob"));
  ASSERT_TRUE(order.TakeHeld("bob", {3}, &held));
  EXPECT_EQ(held, 2);
}

TEST(SendOrderTest, HoldsSoManyBytesAndNoMore) {
  Order order;
  order.OnLeft("bob", {2});
  order.OnLeft("carol", {2});
  ASSERT_EQ(order.Hold("bob", 1, limits::kHeldBytesMax - 1), std::nullopt);
  EXPECT_EQ(order.Hold("carol", 2, 2), 2) << "given back";
  ASSERT_EQ(order.Hold("carol", 3, 1), std::nullopt);
  EXPECT_EQ(order.Hold("bob", 4, 1), 4);
  order.OnAnswered("bob");
  int held = 0;
  ASSERT_TRUE(order.TakeHeld("bob", {3}, &held));
  EXPECT_EQ(order.Hold("carol", 5, limits::kHeldBytesMax - 1), std::nullopt);
}

}  // namespace
}  // namespace convergia::edge
