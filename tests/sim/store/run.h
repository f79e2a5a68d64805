#pragma once

#include <cstdint>
#include <ostream>

#include "tests/sim/store/plan.h"
#include "tests/sim/store/truth.h"

namespace convergia::sim {

struct StoreTally {
  uint64_t worlds = 0;
  uint64_t steps = 0;  // Of all worlds.
  uint64_t crashes = 0, seedings = 0, epochs = 0, entries = 0;
  StoreTruth::Counts operations;
};

// Runs one world. False if it breaks a promise: then its seed and history are in `out`. A crash of
// this program prints the seed too.
bool RunStoreWorld(const StorePlan& plan, std::ostream& out, StoreTally* tally);

void Print(const StoreTally& tally, std::ostream& out);

}  // namespace convergia::sim
