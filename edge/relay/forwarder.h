#pragma once

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "edge/relay/route_table.h"

namespace convergia::edge {

// The outside of a segment under way: where from, where to, and which way.
struct SegmentHeader {
  NodeId origin = 0;
  NodeId destination = 0;
  Hops route;            // Still to visit, next first; the one that reads this is not among them.
  Hops visited;          // Oldest first, without the origin.
  bool bounced = false;  // On its way back to the origin.
};

// What an edge does with a segment that came in.
struct ForwardDecision {
  enum class What {
    kArrived,   // For this edge.
    kCameBack,  // One of our own that nobody could take on; `header.visited` says how far it came.
    kForward,   // To `next`, with `header`.
    kBounce,    // The same, as a bounce: without its envelopes, the origin has them.
    kDrop,      // It can go neither on nor back; the origin's timer will notice.
    kRefuse,    // It cannot be true; `why` says so.
  };
  What what = What::kRefuse;
  NodeId next = 0;
  SegmentHeader header;
  absl::string_view why;
};

// Decides from the header alone: one look-up, and no loops, since the route is in it. `from` is
// the edge at the other end of the link it came over.
//
// A core: no thread, no I/O.
ForwardDecision DecideForward(NodeId self, NodeId from, const SegmentHeader& header,
                              absl::FunctionRef<bool(NodeId)> link_is_up);

}  // namespace convergia::edge
