#include "edge/directory/sender_check.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace convergia::edge {
namespace {

constexpr absl::Duration kNow = absl::Seconds(1000);
constexpr absl::Duration kGrace = SenderCheck::kGrace;
constexpr absl::Duration kMoment = absl::Seconds(1);

TEST(SenderCheckTest, WhoIsListedIsPlausibleForEver) {
  SenderCheck check;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(check.IsPlausible(2, "ann", true, true, kNow + i * kMoment));
  }
}

TEST(SenderCheckTest, WhoIsNotListedHasSomeTimeAndThenIsRefused) {
  SenderCheck check;
  for (absl::Duration passed; passed <= kGrace; passed += kMoment) {
    EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, kNow + passed));
  }
  EXPECT_FALSE(check.IsPlausible(2, "ann", false, true, kNow + kGrace + kMoment));
  // Others are not concerned, nor is she elsewhere.
  EXPECT_TRUE(check.IsPlausible(2, "bob", false, true, kNow + kGrace + kMoment));
  EXPECT_TRUE(check.IsPlausible(3, "ann", false, true, kNow + kGrace + kMoment));
  // When the directory has caught up, all is well.
  EXPECT_TRUE(check.IsPlausible(2, "ann", true, true, kNow + kGrace + 2 * kMoment));
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, kNow + kGrace + 3 * kMoment));
}

TEST(SenderCheckTest, WhoIsRefusedHasToKeepQuietForAWhile) {
  SenderCheck check;
  absl::Duration now = kNow;
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, now));
  for (int i = 0; i < 10; ++i) {
    now += SenderCheck::kQuiet;
    EXPECT_FALSE(check.IsPlausible(2, "ann", false, true, now));
  }
  now += SenderCheck::kQuiet + kMoment;
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, now));
  now += kGrace + kMoment;
  EXPECT_FALSE(check.IsPlausible(2, "ann", false, true, now));
}

// Each time they write at once, and then nothing until they come again.
TEST(SenderCheckTest, WhoWasListedSinceIsWelcomeAgain) {
  SenderCheck check;
  absl::Duration now = kNow;
  for (int i = 0; i < 10; ++i, now += absl::Seconds(30)) {
    EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, now));
    EXPECT_TRUE(check.IsPlausible(2, "eve", false, true, now) || i > 0);
    check.Sweep([](NodeId origin, const std::string& user) { return user == "ann"; });
  }
  EXPECT_FALSE(check.IsPlausible(2, "eve", false, true, now));
}

TEST(SenderCheckTest, WhatArrivesLateTwiceInADayIsNoForgery) {
  SenderCheck check;
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, kNow));
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, kNow + absl::Hours(5)));
}

TEST(SenderCheckTest, WithoutFreshNewsNobodyIsRefused) {
  SenderCheck check;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(check.IsPlausible(2, "ann", false, false, kNow + i * kMoment));
  }
  EXPECT_TRUE(check.IsPlausible(2, "ann", false, true, kNow + 100 * kMoment));
}

TEST(SenderCheckTest, ManyForgersDoNotFillTheMemoryOrHarmAnybody) {
  SenderCheck check;
  for (size_t i = 0; i < 3 * SenderCheck::kDoubtsMax; ++i) {
    EXPECT_TRUE(check.IsPlausible(2, absl::StrCat("user", i), false, true, kNow));
  }
  EXPECT_TRUE(check.IsPlausible(3, "ann", true, true, kNow));
}

}  // namespace
}  // namespace convergia::edge
