// Hundreds of small worlds of replicas over one log, each from its own seed. STORE_SIM_SEED=N runs
// one world. tools/soak runs thousands.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "tests/sim/store/run.h"
#include "tests/sim/store/world.h"

namespace convergia::sim {
namespace {

constexpr uint64_t kWorlds = 400;
constexpr uint64_t kWorldsOfTest = 50;

// Several tests, so that Bazel can share them among shards.
class StoreWorldsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(StoreWorldsTest, KeepAllPromises) {
  StoreTally tally;
  std::ostringstream out;
  uint64_t first = GetParam(), last = GetParam() + kWorldsOfTest - 1, only = 0;
  if (const char* const seed = std::getenv("STORE_SIM_SEED"); seed != nullptr) {
    ASSERT_TRUE(absl::SimpleAtoi(seed, &only)) << "STORE_SIM_SEED";
    if (only < first || only > last) return;
    first = last = only;
  }
  for (uint64_t seed = first; seed <= last; ++seed) {
    ASSERT_TRUE(RunStoreWorld(StorePlan::Draw(seed), out, &tally)) << out.str();
  }
  Print(tally, std::cout);
  if (only != 0) return;
  // A world in which nothing happens keeps all promises too, so require some of everything.
  EXPECT_GT(tally.operations.acknowledged, kWorldsOfTest * 100);
  EXPECT_GT(tally.operations.unknown, 0u);
  EXPECT_GT(tally.operations.fenced, 0u);
  EXPECT_GT(tally.operations.conflicts, 0u);
  EXPECT_GT(tally.epochs, kWorldsOfTest * 2);
  EXPECT_GT(tally.crashes, kWorldsOfTest);
  EXPECT_GT(tally.seedings, 0u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, StoreWorldsTest,
                         testing::Range(uint64_t{1}, kWorlds + 1, kWorldsOfTest));

// One world, once for each of its steps at which a process can crash, with that crash.
TEST(StoreWorldTest, ACrashAtAnyStepLosesNothingThatWasAcknowledged) {
  StoreTally tally;
  std::ostringstream out;
  int steps = 1;
  for (int step = 0; step < steps; ++step) {
    const StorePlan plan = StorePlan::DrawCrashAt(1, step);
    ASSERT_TRUE(RunStoreWorld(plan, out, &tally)) << out.str();
    if (step > 0) continue;
    // A crash at step 0 changes what follows; count the steps of the world without one.
    StoreWorld calm(StorePlan::DrawCrashAt(1, -1));
    calm.Run();
    steps = std::min(calm.steps(), 300);
  }
  Print(tally, std::cout);
  EXPECT_GT(steps, 100);
  EXPECT_EQ(tally.crashes, static_cast<uint64_t>(steps));
}

TEST(StoreWorldTest, TheSameSeedIsTheSameHistory) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    StoreWorld one(StorePlan::Draw(seed));
    one.Run();
    const std::vector<char> elsewhere(seed * 4096 + 77);  // Shifts the second world's allocations.
    StoreWorld other(StorePlan::Draw(seed));
    other.Run();
    EXPECT_EQ(one.history().fingerprint(), other.history().fingerprint()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace convergia::sim
