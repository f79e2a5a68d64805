// Some towns, each from its own seed (tests/sim/town/town.h). SIM_SEED=N runs one town, SIM_TOWNS=N
// runs N.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/sim/town/town.h"

namespace convergia::sim {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::stoull(value);
}

TEST(TownTest, WhoTalksComesTogetherDrainsLoseNothingAndThenAllStay) {
  const uint64_t first = FromEnvironment("SIM_SEED", 1);
  const bool only_one = std::getenv("SIM_SEED") != nullptr;
  const uint64_t count = only_one ? 1 : FromEnvironment("SIM_TOWNS", 12);
  Town::Outcome sum;
  uint64_t residents = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const TownPlan plan = TownPlan::Draw(seed);
    Town town(plan);
    town.Run();
    if (town.history().is_broken()) {
      for (const std::string& line : town.history().lines()) std::cout << line << "\n";
    }
    ASSERT_FALSE(town.history().is_broken())
        << town.history().broken() << "\nagain with SIM_SEED=" << seed;
    const Town::Outcome& outcome = town.outcome();
    const Ledger::Counts& messages = town.counts();
    std::cout << "seed " << seed << (plan.has_trouble ? " (trouble)" : "") << ": " << plan.edges
              << " edges, " << plan.residents << " people, " << messages.sent << " messages, "
              << messages.ok << " OK; across edges first " << outcome.first_across << ", at last "
              << outcome.last_across << "; moves " << outcome.moves << ", at last "
              << outcome.last_moves << ", to drain " << outcome.drain_moves << std::endl;
    residents += plan.residents;
    sum.first_across += outcome.first_across;
    sum.last_across += outcome.last_across;
    sum.moves += outcome.moves;
    sum.last_moves += outcome.last_moves;
    sum.drain_moves += outcome.drain_moves;
    EXPECT_GT(messages.ok, messages.sent * 9 / 10) << "seed " << seed;
  }
  EXPECT_LE(sum.last_moves, residents / 20) << "they do not come to rest";
  if (only_one) return;
  EXPECT_GT(sum.drain_moves, 0u);
  EXPECT_LT(sum.last_across, sum.first_across);
}

}  // namespace
}  // namespace convergia::sim
