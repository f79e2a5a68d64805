#include "tests/sim/run.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace convergia::sim {
namespace {

// The text for OnCrash(), prepared because a signal handler may do little.
char g_where[128];

void OnCrash(int signal) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, g_where, strlen(g_where));
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void NoteSeed(uint64_t seed) {
  const std::string where = absl::StrCat("\ncrashed in the world of --seed=", seed, "\n");
  strncpy(g_where, where.c_str(), sizeof(g_where) - 1);
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) ::signal(signal, OnCrash);
}

}  // namespace

bool RunWorld(const WorldPlan& plan, std::ostream& out, Tally* tally) {
  NoteSeed(plan.seed);
  World world(plan);
  world.Run();
  ++tally->worlds;
  const Ledger::Counts& counts = world.counts();
  tally->messages.sent += counts.sent;
  tally->messages.ok += counts.ok;
  tally->messages.offline += counts.offline;
  tally->messages.busy += counts.busy;
  tally->messages.unroutable += counts.unroutable;
  tally->messages.unconfirmed += counts.unconfirmed;
  tally->messages.delivered += counts.delivered;
  tally->messages.unanswered += counts.unanswered;
  tally->traffic.forwarded += world.traffic().forwarded;
  tally->traffic.came_back += world.traffic().came_back;
  tally->traffic.refused += world.traffic().refused;
  if (!world.history().is_broken()) return true;
  out << "---- the world of seed " << plan.seed << " (" << plan.edges << " edges, " << plan.users
      << " users):\n";
  for (const std::string& line : world.history().lines()) out << line << "\n";
  out << "---- " << world.history().broken()
      << "\nagain with: bazel run //tests/sim -- --seed=" << plan.seed << std::endl;
  return false;
}

void Print(const Tally& tally, std::ostream& out) {
  const Ledger::Counts& messages = tally.messages;
  out << tally.worlds << " worlds: " << messages.sent << " messages, of them " << messages.ok
      << " OK, " << messages.offline << " OFFLINE, " << messages.busy << " BUSY, "
      << messages.unroutable << " UNROUTABLE, " << messages.unconfirmed << " UNCONFIRMED, "
      << messages.unanswered << " whose sender left; " << messages.delivered << " read; "
      << tally.traffic.forwarded << " segments passed on, " << tally.traffic.came_back
      << " came back, " << tally.traffic.refused << " refused" << std::endl;
}

}  // namespace convergia::sim
