#include "mgmt/cluster/route_search.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace convergia::mgmt {

void RouteSearch::Plot(uint32_t origin, RoutePlot* plot) {
  const size_t size = graph_.size();
  origin_ = origin;
  Spread();
  plot->best.resize(size);
  plot->before.resize(size);
  plot->second.assign(size, kNoRoute);
  plot->second_begins.assign(1, 0);
  plot->second_hops.clear();
  marks_.assign(size, mark_ = 0);
  visited_.assign(size, visit_ = 0);
  joins_.resize(size);
  detours_used_ = 0;
  detour_index_.assign(size, kNobody);
  for (uint32_t to = 0; to < size; ++to) {
    plot->best[to] = labels_[to].first.cost;
    plot->before[to] = labels_[to].first.from;
    if (to != origin && labels_[to].first.cost < kNoRoute) PlotSecond(to, plot);
    plot->second_begins.push_back(static_cast<uint32_t>(plot->second_hops.size()));
  }
}

// Level by level. What is found at one level is final before the next begins.
void RouteSearch::Spread() {
  const size_t size = graph_.size();
  labels_.assign(size, Labels());
  labels_[origin_].first.cost = labels_[origin_].second.cost = 0;  // Nothing leads back to it.
  reached_at_.assign(size, 0);
  incomplete_.clear();
  for (uint32_t edge = 0; edge < size; ++edge) {
    if (edge != origin_) incomplete_.push_back(edge);
  }
  frontier_.clear();
  for (const RouteGraph::Arm& arm : graph_.ArmsOf(origin_)) {
    labels_[arm.to].first = {arm.cost(), origin_, arm.to};
    frontier_.push_back(arm.to);
  }
  for (int hops = 1; hops < limits::kRouteEdgesMax && !frontier_.empty(); ++hops) {
    DropComplete(hops);
    size_t out = 0, in = 0;
    for (const uint32_t edge : frontier_) out += graph_.ArmsOf(edge).size();
    for (const uint32_t edge : incomplete_) in += graph_.ArmsOf(edge).size();
    next_.clear();
    if (out <= in) {
      Push(hops);
    } else {
      Pull(hops);
    }
    std::swap(frontier_, next_);
  }
}

// Whoever has two labels of at most `hops` hops gets no better ones.
void RouteSearch::DropComplete(int hops) {
  const RouteCost beyond = (hops + 1) * kOneHop;
  incomplete_.erase(
      std::remove_if(incomplete_.begin(), incomplete_.end(),
                     [&](uint32_t edge) { return labels_[edge].second.cost < beyond; }),
      incomplete_.end());
}

inline void RouteSearch::Offer(uint32_t edge, const Label& label) {
  Labels& labels = labels_[edge];
  if (label.branch == labels.first.branch) {
    if (label.cost >= labels.first.cost) return;
    labels.first = label;
  } else if (label.cost < labels.first.cost) {
    labels.second = std::exchange(labels.first, label);
  } else if (label.cost < labels.second.cost) {
    labels.second = label;
  } else {
    return;
  }
  const int hops = HopsOf(label.cost);
  if (std::exchange(reached_at_[edge], hops) != hops) next_.push_back(edge);
}

// From all that were reached with `hops` hops, to their neighbours.
void RouteSearch::Push(int hops) {
  for (const uint32_t edge : frontier_) {
    const Labels labels = labels_[edge];
    const bool has_first = HopsOf(labels.first.cost) == hops;
    const bool has_second = HopsOf(labels.second.cost) == hops;
    for (const RouteGraph::Arm& arm : graph_.ArmsOf(edge)) {
      if (has_first) Offer(arm.to, {labels.first.cost + arm.cost(), edge, labels.first.branch});
      if (has_second) Offer(arm.to, {labels.second.cost + arm.cost(), edge, labels.second.branch});
    }
  }
}

// The same, from the side of those who lack something: cheaper when they are few.
void RouteSearch::Pull(int hops) {
  for (const uint32_t edge : incomplete_) {
    for (const RouteGraph::Arm& arm : graph_.ArmsOf(edge)) {
      const Labels& there = labels_[arm.to];
      for (const Label* label : {&there.first, &there.second}) {
        if (HopsOf(label->cost) != hops) continue;
        Offer(edge, {label->cost + arm.cost(), arm.to, label->branch});
      }
    }
  }
}

void RouteSearch::MarkBest(uint32_t destination) {
  ++mark_;
  detour_ = nullptr;
  for (uint32_t at = destination; at != origin_; at = labels_[at].first.from) {
    marks_[at] = mark_;
    if (detour_ == nullptr && detour_index_[at] != kNobody) detour_ = &detours_[detour_index_[at]];
  }
}

void RouteSearch::PlotSecond(uint32_t destination, RoutePlot* plot) {
  MarkBest(destination);
  branch_ = labels_[destination].first.branch;
  joins_[destination] = kNobody;
  RouteCost cost = GuideCost(destination);
  if (cost >= kNoRoute) return;
  uint32_t join = destination;
  if (!TraceGuide(destination)) join = SearchAround(destination, &cost);
  if (join == kNobody) return;
  plot->second[destination] = cost;
  plot->second_hops.insert(plot->second_hops.end(), trace_.rbegin(), trace_.rend());
  for (uint32_t at = joins_[join]; at != kNobody; at = joins_[at]) plot->second_hops.push_back(at);
}

bool RouteSearch::TraceGuide(uint32_t edge) {
  trace_.clear();
  bool is_free = true;
  const uint32_t branch = GuideOf(edge).branch;
  for (uint32_t at = edge; at != origin_;) {
    trace_.push_back(at);
    const Labels& labels = labels_[at];
    const uint32_t from = detour_ != nullptr              ? detour_->from[at]
                          : labels.first.branch == branch ? labels.first.from
                                                          : labels.second.from;
    if (IsOnBest(from, at)) {
      is_free = false;
      clash_ = labels.first.from == from ? at : from;
    }
    at = from;
  }
  return is_free;
}

uint32_t RouteSearch::SearchAround(uint32_t destination, RouteCost* cost) {
  while (GuideCost(destination) < kNoRoute) {
    open_.clear();
    ++visit_;
    open_.push_back({GuideCost(destination), 0, destination, kNobody});
    int looks = 0;
    while (!open_.empty()) {
      std::pop_heap(open_.begin(), open_.end());
      const Step step = open_.back();
      open_.pop_back();
      if (visited_[step.edge] == visit_) continue;
      visited_[step.edge] = visit_;
      joins_[step.edge] = step.next;
      if (TraceGuide(step.edge)) {
        *cost = step.estimate;
        return step.edge;
      }
      if (++looks > kLooksMax) break;
      Expand(step);
    }
    if (looks <= kLooksMax) return kNobody;  // Nothing is left to be looked at.
    detour_ = DetourAround(clash_);
  }
  return kNobody;
}

void RouteSearch::Expand(const Step& step) {
  constexpr RouteCost kBeyond = (limits::kRouteEdgesMax + 1) * kOneHop;
  for (const RouteGraph::Arm& arm : graph_.ArmsOf(step.edge)) {
    if (arm.to == origin_ || visited_[arm.to] == visit_ || IsOnBest(step.edge, arm.to)) continue;
    const RouteCost rest = step.rest + arm.cost();
    const RouteCost estimate = rest + GuideCost(arm.to);
    if (estimate >= kBeyond) continue;
    open_.push_back({estimate, rest, arm.to, step.edge});
    std::push_heap(open_.begin(), open_.end());
  }
}

const RouteSearch::Detour* RouteSearch::DetourAround(uint32_t edge) {
  uint32_t& index = detour_index_[edge];
  if (index == kNobody) {
    index = static_cast<uint32_t>(detours_used_++);
    if (detours_.size() < detours_used_) detours_.emplace_back();
    SpreadDetour(edge, &detours_[index]);
  }
  return &detours_[index];
}

void RouteSearch::SpreadDetour(uint32_t around, Detour* detour) {
  detour->cost.assign(graph_.size(), kNoRoute);
  detour->from.assign(graph_.size(), kNobody);
  detour->cost[origin_] = 0;
  const int depth = HopsOf(labels_[around].first.cost);
  // `around` is on the best way that is marked, so its own is the upper part of that.
  const auto is_banned = [&](uint32_t from, uint32_t to) {
    if (!IsOnBest(from, to)) return false;
    const uint32_t lower = labels_[to].first.from == from ? to : from;
    return HopsOf(labels_[lower].first.cost) <= depth;
  };
  frontier_ = {origin_};
  for (int hops = 1; hops <= limits::kRouteEdgesMax && !frontier_.empty(); ++hops) {
    next_.clear();
    for (const uint32_t edge : frontier_) {
      for (const RouteGraph::Arm& arm : graph_.ArmsOf(edge)) {
        const RouteCost cost = detour->cost[edge] + arm.cost();
        if (cost >= detour->cost[arm.to] || is_banned(edge, arm.to)) continue;
        if (HopsOf(std::exchange(detour->cost[arm.to], cost)) != hops) next_.push_back(arm.to);
        detour->from[arm.to] = edge;
      }
    }
    std::swap(frontier_, next_);
  }
}

}  // namespace convergia::mgmt
