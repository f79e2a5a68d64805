#include "client/terminal/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(ProgressBarTest, ShowsShareAndTimeLeft) {
  FakeClock clock;
  std::ostringstream out;
  ProgressBar bar(&out, &clock, /*is_tree=*/false, 80);
  bar.OnExpected(4 << 20);
  clock.Advance(absl::Seconds(1));
  bar.OnBytes(1 << 20);
  EXPECT_THAT(out.str(), HasSubstr(" 25%  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3s left"));
}

TEST(ProgressBarTest, WhatWasThereCountsForTheShareAndNotForTheSpeed) {
  FakeClock clock;
  std::ostringstream out;
  ProgressBar bar(&out, &clock, /*is_tree=*/false, 80);
  bar.OnExpected(8 << 20);
  bar.OnThere(4 << 20);
  clock.Advance(absl::Seconds(1));
  bar.OnBytes(1 << 20);
  EXPECT_THAT(out.str(), HasSubstr(" 62%  5.0 MiB of 8.0 MiB, 1.0 MiB/s, 3s left"));
  EXPECT_EQ(bar.bytes(), 0u);
  bar.OnFile("f", true);
  EXPECT_EQ(bar.bytes(), 5u << 20);
  bar.OnBytes(7);
  bar.OnTrouble("g", absl::UnknownError("it is left out"));
  bar.OnBytes(3);
  bar.OnFile("h", true);
  EXPECT_EQ(bar.bytes(), (5u << 20) + 3);
}

TEST(ProgressBarTest, OnANarrowTerminalTheBarGoesBeforeTheNumbers) {
  const struct {
    int columns;
    const char* shown;  // One column of the terminal stays free.
  } kCases[] = {
      {73, "[######..................]  25%  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3s left"},
      {60, "[###.........]  25%  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3s left"},
      {50, " 25%  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3s left"},
      {20, " 25%  1.0 MiB of 4."},
  };
  for (const auto& c : kCases) {
    FakeClock clock;
    std::ostringstream out;
    ProgressBar bar(&out, &clock, /*is_tree=*/false, c.columns);
    bar.OnExpected(4 << 20);
    clock.Advance(absl::Seconds(1));
    bar.OnBytes(1 << 20);
    EXPECT_EQ(out.str(), c.shown) << c.columns;
  }
}

TEST(ProgressBarTest, IsNotDrawnForEveryPiece) {
  FakeClock clock;
  std::ostringstream out;
  ProgressBar bar(&out, &clock, /*is_tree=*/false, 80);
  bar.OnExpected(100);
  for (int i = 0; i < 100; ++i) bar.OnBytes(1);
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressBarTest, ALineThatIsTooLongIsCutBetweenCharacters) {
  const std::string kLead = "1 file, 0 B, 0 B/s  ";
  const struct {
    const char* name;
    int columns;
    const char* shown;  // After kLead; one column of the terminal stays free.
  } kCases[] = {
      {"/f/photo", 80, "/f/photo"},
      {"/f/photo", 26, "/f/ph"},
      {"/f/Grüße", 26, "/f/Gr"},
      {"/f/Grüße", 27, "/f/Grü"},
      {"/f/写真", 24, "/f/"},
      {"/f/写真", 25, "/f/"},  // There is room for half of the next character only.
      {"/f/写真", 26, "/f/写"},
      {"/f/🎉", 25, "/f/"},
      {"/f/e\u0301x", 25, "/f/e\u0301"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.name, " in ", c.columns, " columns"));
    FakeClock clock;
    std::ostringstream out;
    ProgressBar bar(&out, &clock, /*is_tree=*/true, c.columns);
    clock.Advance(absl::Seconds(1));
    bar.OnFile(c.name, true);
    EXPECT_EQ(out.str(), kLead + c.shown);
  }
}

TEST(ProgressBarTest, TroubleStandsOnALineOfItsOwn) {
  FakeClock clock;
  std::ostringstream out;
  ProgressBar bar(&out, &clock, /*is_tree=*/true, 80);
  clock.Advance(absl::Seconds(1));
  bar.OnFile("/f/a", true);
  bar.OnTrouble("/f/\033[31mb", Fail(FailCode::kDenied, "you may not"));
  EXPECT_THAT(out.str(), EndsWith("convergia: /f/?[31mb: you may not\n"));
}

TEST(ProgressBarTest, WithoutATerminalOnlyTroubleIsShown) {
  FakeClock clock;
  std::ostringstream out;
  {
    ProgressBar bar(&out, &clock, /*is_tree=*/false, 0);
    bar.OnExpected(1);
    clock.Advance(absl::Seconds(1));
    bar.OnBytes(1);
    bar.OnTrouble("/f/a", Fail(FailCode::kBusy, "wait"));
  }
  EXPECT_EQ(out.str(), "convergia: /f/a: wait\n");
}

TEST(ProgressBarTest, ARetryIsSaidOnce) {
  FakeClock clock;
  std::ostringstream out;
  ProgressBar bar(&out, &clock, /*is_tree=*/false, 0);
  for (int i = 0; i < 3; ++i) {
    bar.OnRetry("/f/a", Fail(FailCode::kUnavailable, "2 are there; try again later"));
  }
  EXPECT_EQ(out.str(), "convergia: /f/a: 2 are there; trying again\n");
}

}  // namespace
}  // namespace convergia::client
