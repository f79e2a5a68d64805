#include "edge/relay/forwarder.h"

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
absl::string_view WhatIsWrongWithBounce(NodeId self, NodeId from, const Waybill& waybill) {
  if (HasTwice(waybill.visited) || Has(waybill.visited, waybill.origin)) {
    return "it says that it bounced, and its way was a loop";
  }
  Hops forth = {waybill.origin};
  forth.insert(forth.end(), waybill.visited.begin(), waybill.visited.end());
  const auto here = std::find(forth.begin(), forth.end(), self);
  if (here == forth.end() || here + 1 == forth.end() || here[1] != from) {
    return "it says that it bounced, and did not come the way it went";
  }
  const Hops back(std::make_reverse_iterator(here), forth.rend());
  return back == waybill.route ? "" : "it says that it bounced, and goes elsewhere";
}

// Empty if `waybill` can be true.
absl::string_view WhatIsWrong(NodeId self, NodeId from, const Waybill& waybill) {
  // Visited, this one (but a bounce names it among those), and to visit.
  const size_t edges = waybill.visited.size() + (waybill.bounced ? 0 : 1 + waybill.route.size());
  if (edges > limits::kRouteEdgesMax) return "its route is too long";
  if (HasTwice(waybill.route) || Has(waybill.route, self)) return "its route is a loop";
  if (waybill.bounced) return WhatIsWrongWithBounce(self, from, waybill);
  if (HasTwice(waybill.visited) || Has(waybill.visited, self) || waybill.origin == self ||
      Has(waybill.visited, waybill.origin)) {
    return "it has been here before";
  }
  const bool turns_back = std::any_of(waybill.route.begin(), waybill.route.end(), [&](NodeId hop) {
    return hop == waybill.origin || Has(waybill.visited, hop);
  });
  if (turns_back) return "its route turns back";
  const NodeId last = waybill.visited.empty() ? waybill.origin : waybill.visited.back();
  if (last != from) return "it did not come the way it says";
  const NodeId end = waybill.route.empty() ? self : waybill.route.back();
  if (end != waybill.destination) return "its route does not end at its destination";
  return "";
}

ForwardDecision Bounce(NodeId self, const Waybill& waybill,
                       absl::FunctionRef<bool(NodeId)> link_is_up) {
  ForwardDecision decision{.what = What::kBounce, .waybill = waybill};
  Waybill& back = decision.waybill;
  back.bounced = true;
  back.route.assign(waybill.visited.rbegin(), waybill.visited.rend());
  back.route.push_back(waybill.origin);
  decision.next = back.route.front();
  back.route.erase(back.route.begin());
  back.visited.push_back(self);
  if (!link_is_up(decision.next)) decision.what = What::kDrop;
  return decision;
}

}  // namespace

ForwardDecision DecideForward(NodeId self, NodeId from, const Waybill& waybill,
                              absl::FunctionRef<bool(NodeId)> link_is_up) {
  if (absl::string_view wrong = WhatIsWrong(self, from, waybill); !wrong.empty()) {
    return {.what = What::kRefuse, .why = wrong};
  }
  if (waybill.route.empty()) {
    if (!waybill.bounced) return {.what = What::kArrived, .waybill = waybill};
    if (waybill.origin == self) return {.what = What::kCameBack, .waybill = waybill};
    return {.what = What::kRefuse, .why = "it bounced to an edge that did not send it"};
  }
  ForwardDecision decision{
      .what = What::kForward, .next = waybill.route.front(), .waybill = waybill};
  decision.waybill.route.erase(decision.waybill.route.begin());
  if (waybill.bounced) {
    if (!link_is_up(decision.next)) decision.what = What::kDrop;
    return decision;
  }
  if (!link_is_up(decision.next)) return Bounce(self, waybill, link_is_up);
  decision.waybill.visited.push_back(self);
  return decision;
}

}  // namespace convergia::edge
