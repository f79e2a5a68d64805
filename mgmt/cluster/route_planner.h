#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/base/ids.h"
#include "mgmt/cluster/link_map.h"

namespace convergia::mgmt {

// The edges to visit, the destination last, the origin not named.
struct PlannedRoute {
  std::vector<NodeId> hops;
  uint64_t rtt_us = 0;

  friend bool operator==(const PlannedRoute&, const PlannedRoute&) = default;
};

struct RoutesTo {
  NodeId destination = 0;
  PlannedRoute best;
  std::optional<PlannedRoute> second;

  friend bool operator==(const RoutesTo&, const RoutesTo&) = default;
};

// Plots ways over `links` from one edge to every other that can be reached within
// limits::kRouteEdgesMax edges: the best (fewest hops, then least round-trip time, then smallest
// ids), and the best of those that share no link with it, where there is one. Same links, same
// routes.
class RoutePlanner {
 public:
  // Doubles and links from an edge to itself are ignored.
  explicit RoutePlanner(absl::Span<const Link> links);

  // Sorted by destination.
  std::vector<RoutesTo> PlanFrom(NodeId origin) const;

  // All edges that have a link, sorted.
  const std::vector<NodeId>& edges() const { return ids_; }

 private:
  // Edges are numbered by their place in ids_, links by their place in ends_.
  struct Arm {
    int to;
    int link;
    uint32_t rtt_us;
  };
  struct Reached {
    int hops = -1;  // -1: not reached.
    uint64_t rtt_us = 0;
    int from = -1;
    int link = -1;
  };
  int IndexOf(NodeId id) const;
  // The best ways from `origin` to all, or until `target` is reached (-1: all), not over links that
  // `banned` marks.
  void Spread(int origin, int target, const std::vector<bool>& banned,
              std::vector<Reached>* reached) const;
  PlannedRoute Trace(int destination, const std::vector<Reached>& reached,
                     std::vector<int>* links) const;

  std::vector<NodeId> ids_;
  std::vector<std::vector<Arm>> arms_;
  int link_count_ = 0;
};

}  // namespace convergia::mgmt
