#pragma once

#include <cstdint>
#include <ostream>

#include "tests/sim/world.h"

namespace convergia::sim {

struct Tally {
  uint64_t worlds = 0;
  Ledger::Counts messages;
  World::Traffic traffic;
};

// Runs one world. False if it breaks a promise: then its seed and history are in `out`. A crash
// prints the seed too.
bool RunWorld(const WorldPlan& plan, std::ostream& out, Tally* tally);

void Print(const Tally& tally, std::ostream& out);

}  // namespace convergia::sim
