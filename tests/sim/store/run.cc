#include "tests/sim/store/run.h"

#include "tests/sim/store/world.h"

namespace convergia::sim {

bool RunStoreWorld(const StorePlan& plan, std::ostream& out, StoreTally* tally) {
  StoreWorld world(plan);
  world.Run();
  ++tally->worlds;
  tally->steps += world.steps();
  tally->crashes += world.crashes();
  tally->seedings += world.seedings();
  tally->epochs += world.truth().epochs_led();
  tally->entries += world.log().head().sequence;
  const StoreTruth::Counts counts = world.truth().counts();
  tally->operations.acknowledged += counts.acknowledged;
  tally->operations.conflicts += counts.conflicts;
  tally->operations.fenced += counts.fenced;
  tally->operations.unknown += counts.unknown;
  tally->operations.unanswered += counts.unanswered;
  if (!world.history().is_broken()) return true;
  for (const std::string& line : world.history().lines()) out << line << "\n";
  out << "seed " << plan.seed;
  if (plan.crash_at >= 0) out << " with a crash at step " << plan.crash_at;
  out << ": " << world.history().broken() << "\n";
  return false;
}

void Print(const StoreTally& tally, std::ostream& out) {
  const StoreTruth::Counts& operations = tally.operations;
  out << tally.worlds << " worlds: " << operations.acknowledged << " commits acknowledged, "
      << operations.conflicts << " conflicts, " << operations.fenced << " fenced, "
      << operations.unknown << " unknown, " << operations.unanswered << " without an answer; "
      << tally.entries << " entries in the logs, " << tally.epochs << " epochs led, "
      << tally.crashes << " crashes at " << tally.steps << " steps, " << tally.seedings
      << " replicas seeded\n";
}

}  // namespace convergia::sim
