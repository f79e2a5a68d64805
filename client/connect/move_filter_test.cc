#include "client/connect/move_filter.h"

#include <gtest/gtest.h>

namespace convergia::client {
namespace {

TEST(MoveFilterTest, MessageSeenOnTheOldConnectionIsARepeatOnTheNew) {
  MoveFilter filter(10);
  filter.SawOnOld("alice\n1\nhi");
  EXPECT_FALSE(filter.IsRepeat("alice\n2\nhi"));
  EXPECT_TRUE(filter.IsRepeat("alice\n1\nhi"));
  EXPECT_FALSE(filter.IsRepeat("alice\n1\nhi"));
}

TEST(MoveFilterTest, TwoEqualMessagesExcuseTwo) {
  MoveFilter filter(10);
  filter.SawOnOld("x");
  filter.SawOnOld("x");
  EXPECT_TRUE(filter.IsRepeat("x"));
  EXPECT_TRUE(filter.IsRepeat("x"));
  EXPECT_FALSE(filter.IsRepeat("x"));
}

TEST(MoveFilterTest, PastItsBoundNothingIsLost) {
  MoveFilter filter(1);
  filter.SawOnOld("x");
  filter.SawOnOld("y");
  EXPECT_FALSE(filter.IsRepeat("y"));
  EXPECT_TRUE(filter.IsRepeat("x"));
}

TEST(MoveFilterTest, ForgetsOnceCleared) {
  MoveFilter filter(10);
  filter.SawOnOld("x");
  filter.Clear();
  EXPECT_FALSE(filter.IsRepeat("x"));
}

}  // namespace
}  // namespace convergia::client
