#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/base/ids.h"
#include "mgmt/routing/link_map.h"

namespace convergia::mgmt {

// The cost of a route as one number that can be added: hops first, then round-trip time.
using RouteCost = uint64_t;
inline constexpr int kRouteHopShift = 48;
inline constexpr RouteCost kOneHop = RouteCost{1} << kRouteHopShift;
// No route. The sum of three of them still fits into the type.
inline constexpr RouteCost kNoRoute = RouteCost{1} << 62;

inline int HopsOf(RouteCost cost) { return static_cast<int>(cost >> kRouteHopShift); }
inline uint64_t RttUsOf(RouteCost cost) { return cost & (kOneHop - 1); }

// The edges that have or had links, numbered from 0 by ascending id, and their links. All links are
// in two arrays (compressed sparse rows), because the planner only walks over them.
struct RouteGraph {
  struct Arm {
    uint32_t to = 0;
    uint32_t rtt_us = 0;

    RouteCost cost() const { return kOneHop + rtt_us; }
  };

  RouteGraph() : begins(1, 0) {}
  // `links`: sorted by (a, b), without duplicates, a < b. Edges in `also` get a number even without
  // links.
  explicit RouteGraph(absl::Span<const Link> links, absl::Span<const NodeId> also = {});

  size_t size() const { return ids.size(); }
  absl::Span<const Arm> ArmsOf(uint32_t edge) const {
    return {arms.data() + begins[edge], begins[edge + 1] - begins[edge]};
  }
  // The number of edges without a link.
  size_t CountAlone() const;
  // size() if the edge has no number here.
  uint32_t IndexOf(NodeId id) const;

  std::vector<NodeId> ids;
  std::vector<uint32_t>
      begins;             // Where the arms of each edge begin; one more than there are edges.
  std::vector<Arm> arms;  // Of one edge: ascending.
};

}  // namespace convergia::mgmt
