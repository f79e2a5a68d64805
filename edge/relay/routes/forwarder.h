#pragma once

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "edge/relay/routes/route_table.h"

namespace convergia::edge {

// The header of a segment under way: origin, destination and route.
struct SegmentHeader {
  NodeId origin = 0;
  NodeId destination = 0;
  Hops route;            // Edges still to visit, next first; the present one is not among them.
  Hops visited;          // Oldest first, without the origin.
  bool bounced = false;  // On its way back to the origin.
};

// The decision about a segment that has arrived.
struct ForwardDecision {
  enum class What {
    kArrived,   // For this edge.
    kCameBack,  // Of this edge, and could not be forwarded; `header.visited` says how far it came.
    kForward,   // To `next`, with `header`.
    kBounce,    // The same, as a bounce: without its envelopes, the origin has them.
    kDrop,      // It can go neither on nor back; the origin's timer will notice.
    kRefuse,    // Its header cannot be true; `why` says what is wrong.
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
