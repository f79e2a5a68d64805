#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "common/base/ids.h"

namespace convergia::mgmt {

// mgmt's view of an edge, when it chooses one for a client.
struct EdgeLoad {
  NodeId id = 0;
  uint32_t sessions = 0;  // Signed in there, and those just sent there.
  bool alive = false;     // False: suspect; taken only after all alive ones.
  bool draining = false;  // Never taken.
  // Behind a wall: others cannot reach it. A client that can is inside, and belongs there.
  bool walled = false;
};

// What a client measured. Not here: not reached.
struct Probe {
  NodeId id = 0;
  uint32_t rtt_us = 0;
};

// Somebody with whom the client exchanges messages, and where.
struct Pull {
  absl::InlinedVector<NodeId, 2> edges;  // More than one while the peer moves.
  double bytes = 0;                      // Exchanged lately.
};

// What it costs to carry bytes from one edge to another: 0 for the same, 1 for a good link.
using CostBetween = absl::FunctionRef<double(NodeId from, NodeId to)>;

struct AssignmentRule {
  // An edge with more sessions than `over_mean` times the mean of all plus `slack` gets no more.
  // Walls come first: neither do walled edges count, nor are they ever full.
  double over_mean = 1.1;
  double slack = 20;
  // What a full share of load weighs against distance.
  double load_us = 5'000;
  // What it weighs if all bytes have to cross one good link.
  double traffic_us = 20'000;
  // With fewer bytes than this, it weighs less than half of that.
  double traffic_bytes_half = 2'000;
};

// How many sessions an edge may have before it gets no more.
double SessionsBound(absl::Span<const EdgeLoad> edges, const AssignmentRule& rule);

// The bytes of all pulls, each times the cost of its way from `edge`.
double CarryingCost(NodeId edge, absl::Span<const Pull> pulls, CostBetween cost);

// The edges that a client should try, best first, at most `count`: those it reached, of `edges`
// (each not offline). Score, less is better: round-trip time, plus load_us for each mean's worth of
// sessions, plus traffic_us for each link that the average byte has to cross.
//
// If all edges it can reach are over the bound, the least loaded is given all the same: a bound on
// balance is no reason to keep people out. Empty if it reached none.
std::vector<NodeId> AssignEdges(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                absl::Span<const Pull> pulls, CostBetween cost, int count,
                                const AssignmentRule& rule = {});

}  // namespace convergia::mgmt
