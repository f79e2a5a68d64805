// Thousands of small worlds, each from its own seed. Every promise about messages is checked at
// every step; after quiet, the whole world must be in its right state. SIM_SEED=N runs one world.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "tests/sim/run.h"

namespace convergia::sim {
namespace {

constexpr uint64_t kWorlds = 1500;
constexpr uint64_t kWorldsOfTest = 50;

// Several tests, so that Bazel can share them among shards.
class WorldsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(WorldsTest, KeepAllPromises) {
  Tally tally;
  std::ostringstream out;
  uint64_t first = GetParam(), last = GetParam() + kWorldsOfTest - 1, only = 0;
  if (const char* const seed = std::getenv("SIM_SEED"); seed != nullptr) {
    ASSERT_TRUE(absl::SimpleAtoi(seed, &only)) << "SIM_SEED";
    if (only < first || only > last) return;
    first = last = only;
  }
  for (uint64_t seed = first; seed <= last; ++seed) {
    ASSERT_TRUE(RunWorld(WorldPlan::Draw(seed), out, &tally)) << out.str();
  }
  Print(tally, std::cout);
  // A world in which nothing happens keeps all promises too, so require some traffic.
  EXPECT_GT(tally.messages.ok, tally.messages.sent / 10);
  EXPECT_GT(tally.traffic.forwarded, 0u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, WorldsTest,
                         testing::Range(uint64_t{1}, kWorlds + 1, kWorldsOfTest));

TEST(WorldTest, WhatALinkSwallowsIsConfirmedOverAnotherWay) {
  Tally tally;
  std::ostringstream out;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    ASSERT_TRUE(RunWorld(WorldPlan::DrawSilences(seed), out, &tally)) << out.str();
    ASSERT_EQ(tally.messages.unconfirmed, 0u)
        << "again with: bazel run //tests/sim -- --silences --seed=" << seed;
  }
  Print(tally, std::cout);
  EXPECT_GT(tally.messages.ok, 10'000u);
}

// Only ten can be dialled, so the others are linked through them.
TEST(WorldTest, AHundredEdgesKeepAllPromises) {
  Tally tally;
  std::ostringstream out;
  WorldPlan plan = WorldPlan::Draw(1);
  plan.edges = 100;
  plan.walled_for_good = 90;
  plan.users = 300;
  plan.steps = 100;
  ASSERT_TRUE(RunWorld(plan, out, &tally)) << out.str();
  Print(tally, std::cout);
}

TEST(WorldTest, TheSameSeedIsTheSameHistory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World one(WorldPlan::Draw(seed));
    one.Run();
    const std::vector<char> elsewhere(seed * 4096 + 77);  // Shifts the second world's allocations.
    World other(WorldPlan::Draw(seed));
    other.Run();
    EXPECT_EQ(one.history().fingerprint(), other.history().fingerprint()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace convergia::sim
