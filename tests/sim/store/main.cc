// Runs simulated replicas of a store over one log: one seed with its whole history, or many.
//
//   bazel run //tests/sim/store -- --seed=123
//   bazel run //tests/sim/store -- --first=1 --count=100000

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>

#include "tests/sim/store/run.h"

namespace convergia::sim {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("Replicas of a store over one log, simulated.");
  uint64_t seed = 0, first = 1, count = 1000;
  int crash_at = -1;
  app.add_option("--seed", seed, "run this world only, and print all of its history if it breaks");
  app.add_option("--crash-at", crash_at, "in a calm world, crash at this step of --seed");
  app.add_option("--first", first, "the first seed");
  app.add_option("--count", count, "how many seeds");
  CLI11_PARSE(app, argc, argv);
  if (seed != 0) {
    first = seed;
    count = 1;
  }
  StoreTally tally;
  bool all_well = true;
  for (uint64_t next = first; next < first + count && all_well; ++next) {
    StorePlan plan = crash_at < 0 ? StorePlan::Draw(next) : StorePlan::DrawCrashAt(next, crash_at);
    if (seed != 0) plan.history_lines_max = std::numeric_limits<size_t>::max();
    all_well = RunStoreWorld(plan, std::cout, &tally);
  }
  Print(tally, std::cout);
  return all_well ? 0 : 1;
}

}  // namespace
}  // namespace convergia::sim

int main(int argc, char** argv) { return convergia::sim::Main(argc, argv); }
