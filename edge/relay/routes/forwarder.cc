#include "edge/relay/routes/forwarder.h"

#include <algorithm>
#include <iterator>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

using What = ForwardDecision::What;

bool Has(const Hops& hops, NodeId node) {
  return std::find(hops.begin(), hops.end(), node) != hops.end();
}

bool HasTwice(const Hops& hops) {
  for (auto hop = hops.begin(); hop != hops.end(); ++hop) {
    if (std::find(hops.begin(), hop, *hop) != hop) return true;
  }
  return false;
}

// A bounce goes back exactly as it came: over the edges that it visited, to its origin.
absl::string_view WhatIsWrongWithBounce(NodeId self, NodeId from, const SegmentHeader& header) {
  if (HasTwice(header.visited) || Has(header.visited, header.origin)) {
    return "it says that it bounced, and its way was a loop";
  }
  Hops forth = {header.origin};
  forth.insert(forth.end(), header.visited.begin(), header.visited.end());
  const auto here = std::find(forth.begin(), forth.end(), self);
  if (here == forth.end() || here + 1 == forth.end() || here[1] != from) {
    return "it says that it bounced, and did not come the way it went";
  }
  const Hops back(std::make_reverse_iterator(here), forth.rend());
  return back == header.route ? "" : "it says that it bounced, and goes elsewhere";
}

// Empty if `header` can be true.
absl::string_view WhatIsWrong(NodeId self, NodeId from, const SegmentHeader& header) {
  // Visited, this one (but a bounce names it among those), and to visit.
  const size_t edges = header.visited.size() + (header.bounced ? 0 : 1 + header.route.size());
  if (edges > limits::kRouteEdgesMax) return "its route is too long";
  if (HasTwice(header.route) || Has(header.route, self)) return "its route is a loop";
  if (header.bounced) return WhatIsWrongWithBounce(self, from, header);
  if (HasTwice(header.visited) || Has(header.visited, self) || header.origin == self ||
      Has(header.visited, header.origin)) {
    return "it has been here before";
  }
  const bool turns_back = std::any_of(header.route.begin(), header.route.end(), [&](NodeId hop) {
    return hop == header.origin || Has(header.visited, hop);
  });
  if (turns_back) return "its route turns back";
  const NodeId last = header.visited.empty() ? header.origin : header.visited.back();
  if (last != from) return "it did not come the way it says";
  const NodeId end = header.route.empty() ? self : header.route.back();
  if (end != header.destination) return "its route does not end at its destination";
  return "";
}

ForwardDecision Bounce(NodeId self, const SegmentHeader& header,
                       absl::FunctionRef<bool(NodeId)> link_is_up) {
  ForwardDecision decision{.what = What::kBounce, .header = header};
  SegmentHeader& back = decision.header;
  back.bounced = true;
  back.route.assign(header.visited.rbegin(), header.visited.rend());
  back.route.push_back(header.origin);
  decision.next = back.route.front();
  back.route.erase(back.route.begin());
  back.visited.push_back(self);
  if (!link_is_up(decision.next)) decision.what = What::kDrop;
  return decision;
}

}  // namespace

ForwardDecision DecideForward(NodeId self, NodeId from, const SegmentHeader& header,
                              absl::FunctionRef<bool(NodeId)> link_is_up) {
  if (absl::string_view wrong = WhatIsWrong(self, from, header); !wrong.empty()) {
    return {.what = What::kRefuse, .why = wrong};
  }
  if (header.route.empty()) {
    if (!header.bounced) return {.what = What::kArrived, .header = header};
    if (header.origin == self) return {.what = What::kCameBack, .header = header};
    return {.what = What::kRefuse, .why = "it bounced to an edge that did not send it"};
  }
  ForwardDecision decision{.what = What::kForward, .next = header.route.front(), .header = header};
  decision.header.route.erase(decision.header.route.begin());
  if (header.bounced) {
    if (!link_is_up(decision.next)) decision.what = What::kDrop;
    return decision;
  }
  if (!link_is_up(decision.next)) return Bounce(self, header, link_is_up);
  decision.header.visited.push_back(self);
  return decision;
}

}  // namespace convergia::edge
