#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "mgmt/routing/route_graph.h"

namespace convergia::mgmt {

// All routes from one edge, by the numbers of a RouteGraph. Packed, because a thousand edges have a
// million pairs.
struct RoutePlot {
  static constexpr uint32_t kNobody = 0xffffffff;

  // By destination; kNoRoute where there is none. 0 for the origin itself.
  std::vector<RouteCost> best, second;
  // The edge before the destination on the best way: together they are a tree.
  std::vector<uint32_t> before;
  // The second way to d, destination last: second_hops from second_begins[d] to second_begins[d+1].
  std::vector<uint32_t> second_begins;
  std::vector<uint32_t> second_hops;

  absl::Span<const uint32_t> SecondTo(uint32_t destination) const {
    return {second_hops.data() + second_begins[destination],
            second_begins[destination + 1] - second_begins[destination]};
  }
};

// Finds the routes between all edges: first the best ones from each edge, then the second ones.
//
// Best routes from one edge: a breadth-first search by levels, because hops count first.
//
// Second routes: links have the same cost in both directions, so if the best route is the same
// there and back, the second one is too, and half of them need no search. For the others there is a
// guide: the cost of the best route that leaves the origin over another link than the best route.
// That is the cost to a neighbour plus the neighbour's best cost, which is known by then. Most of
// these routes share no link with the best one, and are then the second route.
//
// If they share a link farther on, an A* search runs backward from the destination with the guide
// as its heuristic. The guide is exact except for the links of the best route, so the search strays
// only around these. If it strays for long (for example between two regions joined by few links),
// the detours around a part of the best route are found once for all destinations behind it, and
// guide the search from then on. The result is always exact.
//
// Not thread-safe: it reuses its memory from one search to the next.
class RouteSearch {
 public:
  // Works on `plots`, by origin. Both must outlive the search, `graph` unchanged.
  RouteSearch(const RouteGraph& graph, std::vector<RoutePlot>* plots)
      : graph_(graph), plots_(*plots) {}

  // By destination: whether the second route must be searched again.
  using Stale = std::vector<uint8_t>;

  // Of ways with the same cost any one is taken. True if some are others than they were; these
  // destinations are `stale` then.
  bool PlotBest(uint32_t origin, Stale* stale);

  // The same for the second ways, once the best from every edge are plotted: those that are not
  // stale stay as they were. `is_fresh`: from which origins the second ways are as they should be.
  bool PlotSeconds(uint32_t origin, const Stale& stale, const std::vector<bool>& is_fresh);

 private:
  static constexpr uint32_t kNobody = RoutePlot::kNobody;
  // A search that has looked at so many edges has gone astray.
  static constexpr int kLooksMax = 4;

  // The best ways from the origin to all, that use no link of the best way to one certain edge.
  struct Detour {
    std::vector<RouteCost> cost;
    std::vector<uint32_t> from;
  };
  struct Step {
    RouteCost estimate = 0;  // From the origin over this edge to the destination.
    RouteCost rest = 0;      // From this edge to the destination.
    uint32_t edge = 0;
    uint32_t next = 0;

    bool operator<(const Step& other) const {  // The heap's top is the best.
      if (estimate != other.estimate) return estimate > other.estimate;
      return edge > other.edge;
    }
  };

  void MarkOtherWays(const std::vector<uint32_t>& was, const std::vector<uint32_t>& is,
                     Stale* stale);
  // Prepares the tables that searches from this origin need. Many changes need no search.
  void GetReady();
  void FindBranches();
  void FindGuide();
  // Appends the second way if that way back is known. False if it must be searched.
  bool TurnAround(uint32_t destination);
  void PlotSecond(uint32_t destination, bool is_back_known);
  void MarkBest(uint32_t destination);
  bool IsOnBest(uint32_t x, uint32_t y) const {
    return (marks_[y] == mark_ && before_[y] == x) || (marks_[x] == mark_ && before_[x] == y);
  }
  // A lower bound for the cost of a way from the origin to `edge` that avoids the best way to the
  // destination, or a part of it.
  RouteCost GuideCost(uint32_t edge) const {
    if (detour_ != nullptr) return detour_->cost[edge];
    return branches_[edge] == branch_ ? others_[edge] : best_[edge];
  }
  // Puts into trace_ the guide's way to `edge`, from there to the origin, which is left out. False
  // if it uses a link of the best way; then clash_ is the lower end of the one next to the origin.
  bool TraceGuide(uint32_t edge);
  // The edge where the second way joins the chain of joins_; kNobody if there is none.
  uint32_t SearchAround(uint32_t destination, RouteCost* cost);
  void Expand(const Step& step);
  const Detour* DetourAround(uint32_t edge);
  void SpreadDetour(uint32_t around, Detour* detour);

  const RouteGraph& graph_;
  std::vector<RoutePlot>& plots_;
  uint32_t origin_ = 0;

  // Being made: takes the place of the plot's when it is ready.
  RoutePlot made_;
  std::vector<uint32_t> frontier_, next_;

  bool is_ready_ = false;
  // Of the origin: the best ways, and the first edge on each (its branch).
  const RouteCost* best_ = nullptr;
  const uint32_t* before_ = nullptr;
  std::vector<uint32_t> branches_;
  // By edge: the least that it costs to leave over another branch, and over which.
  std::vector<RouteCost> others_;
  std::vector<uint32_t> other_branches_;

  // One second way.
  uint32_t mark_ = 0;
  std::vector<uint32_t> marks_;  // mark_: on the best way to the destination.
  uint32_t branch_ = 0;          // Of the best way.
  std::vector<Step> open_;
  uint32_t visit_ = 0;
  std::vector<uint32_t> visited_;  // visit_: looked at.
  std::vector<uint32_t> joins_;    // Where it goes on from there.
  std::vector<uint32_t> trace_;
  uint32_t clash_ = 0;
  const Detour* detour_ = nullptr;

  std::vector<Detour> detours_;  // Of this origin the first detours_used_.
  size_t detours_used_ = 0;
  std::vector<uint32_t> detour_index_;  // By the edge around whose best way it leads.
};

}  // namespace convergia::mgmt
