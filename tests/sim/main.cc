// Runs simulated worlds: one seed with its whole history, or many.
//
//   bazel run //tests/sim -- --seed=123
//   bazel run //tests/sim -- --first=1 --count=100000
//   bazel run //tests/sim -- --seed=1 --edges=200 --public=10 --users=2000 --steps=5000

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <limits>

#include "tests/sim/run.h"

namespace convergia::sim {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("Edges, users and mgmt in a simulated network.");
  uint64_t seed = 0, first = 1, count = 1000;
  bool print_all = false, silences = false;
  int edges = 0, users = 0, steps = 0, public_edges = 0;
  app.add_option("--seed", seed, "run this world only");
  app.add_option("--first", first, "the first seed");
  app.add_option("--count", count, "how many seeds");
  app.add_flag("--print", print_all, "print the whole history of --seed though nothing broke");
  app.add_flag("--silences", silences, "worlds in which one link at a time swallows everything");
  app.add_option("--edges", edges, "so many in every world, instead of what the seed says");
  app.add_option("--public", public_edges, "of these edges can be dialled, the others cannot");
  app.add_option("--users", users, "so many");
  app.add_option("--steps", steps, "so many");
  CLI11_PARSE(app, argc, argv);
  if (seed != 0) {
    first = seed;
    count = 1;
  }
  Tally tally;
  bool all_well = true;
  for (uint64_t next = first; next < first + count && all_well; ++next) {
    WorldPlan plan = silences ? WorldPlan::DrawSilences(next) : WorldPlan::Draw(next);
    if (edges > 0) plan.edges = edges;
    if (edges > 0) plan.walled_for_good = std::max(0, edges - std::max(1, public_edges));
    if (users > 0) plan.users = users;
    if (steps > 0) plan.steps = steps;
    if (seed != 0) plan.history_lines_max = std::numeric_limits<size_t>::max();
    if (print_all && seed != 0) {
      World world(plan);
      world.Run();
      for (const std::string& line : world.history().lines()) std::cout << line << "\n";
    }
    all_well = RunWorld(plan, std::cout, &tally);
  }
  Print(tally, std::cout);
  return all_well ? 0 : 1;
}

}  // namespace
}  // namespace convergia::sim

int main(int argc, char** argv) { return convergia::sim::Main(argc, argv); }
