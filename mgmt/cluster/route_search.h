#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "mgmt/cluster/route_graph.h"

namespace convergia::mgmt {

// All ways from one edge, by the numbers of a RouteGraph, packed: a thousand edges have a million
// pairs.
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
  // True if both name the same ways, whatever their times.
  bool SameWays(const RoutePlot& other) const {
    return before == other.before && second_begins == other.second_begins &&
           second_hops == other.second_hops;
  }
};

// Finds all ways from one edge at a time.
//
// The best: one pass, level by level, since hops count first. The same pass finds for every edge
// also the best way that leaves the origin over another link (its branch) than the best: two labels
// an edge. Most of these share no link at all with the best, and are the second way then; it is
// enough to look at them.
//
// Where they share one farther on, the second way is searched backward from the destination, best
// first, guided by the labels: what they say is exact but for the links of the best way, so the
// search goes astray only around these. Should it do so for long, as between two regions joined by
// few links, the ways around a part of the best way are found once for all destinations behind it,
// and guide the search from then on. So the answer is always exact: the best that there is.
//
// Not thread-safe: it keeps its memory from one search to the next.
class RouteSearch {
 public:
  // `graph` must outlive the search and not change.
  explicit RouteSearch(const RouteGraph& graph) : graph_(graph) {}

  // Of ways with the same cost any one is taken, always the same of the same graph.
  void Plot(uint32_t origin, RoutePlot* plot);

 private:
  static constexpr uint32_t kNobody = RoutePlot::kNobody;
  // A search that has looked at so many edges has gone astray.
  static constexpr int kLooksMax = 4;

  struct Label {
    RouteCost cost = kNoRoute;
    uint32_t from = kNobody;
    uint32_t branch = kNobody;  // The first edge on the way.
  };
  struct Labels {
    Label first, second;  // Of different branches.
  };
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

  void Spread();
  void Push(int hops);
  void Pull(int hops);
  void Offer(uint32_t edge, const Label& label);
  void DropComplete(int hops);

  void PlotSecond(uint32_t destination, RoutePlot* plot);
  void MarkBest(uint32_t destination);
  bool IsOnBest(uint32_t x, uint32_t y) const {
    return (marks_[y] == mark_ && labels_[y].first.from == x) ||
           (marks_[x] == mark_ && labels_[x].first.from == y);
  }
  // What is known of the way from the origin to `edge` that avoids the best way to the destination,
  // or a part of it: never too much.
  const Label& GuideOf(uint32_t edge) const {
    const Labels& labels = labels_[edge];
    return labels.first.branch == branch_ ? labels.second : labels.first;
  }
  RouteCost GuideCost(uint32_t edge) const {
    return detour_ != nullptr ? detour_->cost[edge] : GuideOf(edge).cost;
  }
  // Appends to trace_ the guide's way to `edge`, from there to the origin, which is left out. False
  // if it uses a link of the best way; then clash_ is the lower end of the one next to the origin.
  bool TraceGuide(uint32_t edge);
  // The edge where the second way joins the chain of joins_; kNobody if there is none.
  uint32_t SearchAround(uint32_t destination, RouteCost* cost);
  void Expand(const Step& step);
  const Detour* DetourAround(uint32_t edge);
  void SpreadDetour(uint32_t around, Detour* detour);

  const RouteGraph& graph_;
  uint32_t origin_ = 0;

  // The first pass.
  std::vector<Labels> labels_;
  std::vector<uint32_t> frontier_, next_;
  std::vector<int> reached_at_;       // The level at which an edge was last put into next_.
  std::vector<uint32_t> incomplete_;  // Those that do not have both labels for good.

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
