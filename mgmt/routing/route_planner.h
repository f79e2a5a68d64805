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

// Plots ways between all edges that can reach one another within limits::kRouteEdgesMax edges: the
// best (fewest hops, then least round-trip time), and the best of those that share no link with it,
// where there is one. Of equal ones any; it is kept as long as nothing better comes.
//
// After a change of links only those ways are plotted anew for which it can matter: they use a link
// that went or became slower, or a link that came or became faster would make them better than they
// are. What comes out costs the same as if all were plotted anew.
//
// A core; not thread-safe.
class RoutePlanner {
 public:
  RoutePlanner() = default;
  explicit RoutePlanner(absl::Span<const Link> links) { Replace(links); }

  // These are all links; doubles (the first counts) and links from an edge to itself are ignored.
  // Returns the edges, by id, whose ways may be others than before, or who have none any more.
  std::vector<NodeId> Replace(absl::Span<const Link> links);

  // All edges that have a link, sorted.
  std::vector<NodeId> edges() const;

  // Sorted by destination.
  std::vector<RoutesTo> PlanFrom(NodeId origin) const;

  // nullopt: there is none.
  std::optional<RoutesTo> PlanBetween(NodeId from, NodeId to) const;

  // Pairs of edges, each both ways, between which there is a way.
  uint64_t CountRoutes() const;

  // What the best way costs (HopsOf(), RttUsOf()): kNoRoute if there is none, 0 to oneself.
  RouteCost CostOf(NodeId from, NodeId to) const;

  // What `origin` is told; its version is of the ways alone, so other times are no news.
  v1::Routes MessageFor(NodeId origin) const;

  // How many origins the last Replace() plotted, in part or whole.
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

  // What is to be plotted anew from one origin.
  struct Concern {
    bool best = false;
    RouteSearch::Stale seconds;  // Empty: none.

    void MarkSecond(uint32_t to, size_t size) {
      seconds.resize(size, false);
      seconds[to] = true;
    }
  };

  // The same ways, by the numbers of `graph`, which has some edges more.
  void MakeRoomFor(const RouteGraph& graph);
  // Whose ways are others than before.
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
