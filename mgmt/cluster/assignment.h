#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/base/ids.h"

namespace convergia::mgmt {

// mgmt's view of an edge, when it chooses one for a client.
struct EdgeLoad {
  NodeId id = 0;
  uint32_t sessions = 0;  // Signed in there, and those just sent there.
  bool alive = false;     // False: suspect; taken only after all alive ones.
  bool draining = false;  // Never taken.
};

// What a client measured. Not here: not reached.
struct Probe {
  NodeId id = 0;
  uint32_t rtt_us = 0;
};

struct AssignmentRule {
  // An edge with more sessions than `over_mean` times the mean of all plus `slack` gets no more.
  double over_mean = 1.1;
  double slack = 20;
  // What a full share of load weighs against distance.
  double load_us = 5'000;
};

// The edges that a client should try, best first, at most `count`: those it reached, of `edges`
// (each not offline). Score, less is better: round-trip time plus load_us for each mean's worth of
// sessions. Further terms, such as traffic with peers, are added in Score().
//
// If all edges it can reach are over the bound, the least loaded is given all the same: a bound on
// balance is no reason to keep people out. Empty if it reached none.
std::vector<NodeId> AssignEdges(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                int count, const AssignmentRule& rule = {});

}  // namespace convergia::mgmt
