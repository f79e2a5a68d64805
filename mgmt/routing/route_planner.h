#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "mgmt/routing/link_map.h"
#include "mgmt/routing/route_graph.h"
#include "mgmt/routing/route_search.h"

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

// Plots routes between all edges that can reach one another within limits::kRouteEdgesMax edges:
// the best (fewest hops, then least round-trip time), and the best one that shares no link with it,
// if there is one. Of equal routes any is taken, and kept until there is a better one.
//
// After a change of links only affected routes are plotted again: those that use a link that went
// or became slower, and those that a link that came or became faster can improve. The result costs
// the same as if all routes were plotted.
//
// A core; not thread-safe.
class RoutePlanner {
 public:
  RoutePlanner() = default;
  explicit RoutePlanner(absl::Span<const Link> links) { Replace(links); }

  // `links` are all links; duplicates (the first counts) and links from an edge to itself are
  // ignored. Returns the edges, by id, whose routes may have changed, or who have none any longer.
  std::vector<NodeId> Replace(absl::Span<const Link> links);

  // All edges that have a link, sorted.
  std::vector<NodeId> edges() const;

  // Sorted by destination.
  std::vector<RoutesTo> PlanFrom(NodeId origin) const;

  // nullopt: there is none.
  std::optional<RoutesTo> PlanBetween(NodeId from, NodeId to) const;

  // The number of pairs of edges with a route; both directions count.
  uint64_t CountRoutes() const;

  // The cost of the best route (HopsOf(), RttUsOf()): kNoRoute if there is none, 0 to itself.
  RouteCost CostOf(NodeId from, NodeId to) const;

  // The message for `origin`. Its version is a hash of the routes without times, so changed times
  // alone do not change it.
  v1::Routes MessageFor(NodeId origin) const;

  // The number of origins that the last Replace() plotted, in part or as a whole.
  size_t plotted_count() const { return plotted_count_; }

 private:
  struct Changes {
    struct Ends {
      uint32_t a = 0;
      uint32_t b = 0;
      RouteCost cost = 0;  // Now.
    };
    std::vector<Ends> worse;  // Gone or slower.
    std::vector<Ends> better;
  };

  // The routes from one origin that must be plotted again.
  struct Concern {
    bool best = false;
    RouteSearch::Stale seconds;  // Empty: none.

    void MarkSecond(uint32_t to, size_t size) {
      seconds.resize(size, false);
      seconds[to] = true;
    }
  };

  // Renumbers the plots by `graph`, which has further edges.
  void MakeRoomFor(const RouteGraph& graph);
  // Both return the edges whose routes have changed.
  std::vector<NodeId> PlotAll(std::vector<Link> links);
  std::vector<NodeId> Plot(std::vector<Concern>* concerns);
  Changes Compare(const std::vector<Link>& links) const;
  void MarkUsersOf(const std::vector<Changes::Ends>& links, std::vector<Concern>* concerns) const;
  struct Detours;
  Detours DetoursOver(const std::vector<Changes::Ends>& links) const;
  void MarkWhoGains(const std::vector<Changes::Ends>& links, std::vector<Concern>* concerns) const;
  // nullopt: there is none.
  std::optional<RoutesTo> Describe(uint32_t origin, uint32_t destination) const;
  PlannedRoute BestOf(const RoutePlot& plot, uint32_t destination) const;
  PlannedRoute SecondOf(const RoutePlot& plot, uint32_t destination) const;

  std::vector<Link> links_;  // Sorted, none twice.
  std::unique_ptr<RouteGraph> graph_ = std::make_unique<RouteGraph>();
  std::vector<RoutePlot> plots_;  // By origin.
  size_t plotted_count_ = 0;
};

}  // namespace convergia::mgmt
