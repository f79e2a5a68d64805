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
  // Behind a wall: some clients cannot reach it. A client that can is inside, and belongs there.
  bool walled = false;
};

// A measurement of a client. An edge without one was not reached.
struct Probe {
  NodeId id = 0;
  uint32_t rtt_us = 0;
};

// A peer with whom the client exchanges messages, and the edges of that peer.
struct Pull {
  absl::InlinedVector<NodeId, 2> edges;  // More than one while the peer moves.
  double bytes = 0;                      // Exchanged lately.
};

// The cost of carrying bytes from one edge to another: 0 for the same edge, 1 for a good link.
using CostBetween = absl::FunctionRef<double(NodeId from, NodeId to)>;

struct AssignmentRule {
  // An edge with more sessions than `over_mean` times the mean plus `slack` gets no further ones.
  // Walled edges are not part of the mean and have no bound.
  double over_mean = 1.1;
  double slack = 20;
  // The weight of a mean's worth of sessions, as round-trip time.
  double load_us = 5'000;
  // The weight if all bytes have to cross one good link, as round-trip time.
  double traffic_us = 20'000;
  // With exactly this many bytes traffic has half of that weight, with fewer less.
  double traffic_bytes_half = 2'000;
};

// The number of sessions from which on an edge gets no further ones.
double SessionsBound(absl::Span<const EdgeLoad> edges, const AssignmentRule& rule);

// The sum over all pulls of their bytes times the cost from `edge` to the peer.
double CarryingCost(NodeId edge, absl::Span<const Pull> pulls, CostBetween cost);

// The edges that a client should try, best first, at most `count`: those it reached, of `edges`
// (each not offline). Score, less is better: round-trip time, plus load_us for each mean's worth of
// sessions, plus traffic_us for each link that the average byte has to cross.
//
// If all edges that it reached are over the bound, the least loaded of them is returned: the bound
// must not keep people out. Empty if it reached none.
std::vector<NodeId> AssignEdges(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                absl::Span<const Pull> pulls, CostBetween cost, int count,
                                const AssignmentRule& rule = {});

}  // namespace convergia::mgmt
