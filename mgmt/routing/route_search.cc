#include "mgmt/routing/route_search.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace convergia::mgmt {
namespace {

// More than any way that is taken.
constexpr RouteCost kBeyond = (limits::kRouteEdgesMax + 1) * kOneHop;

// Lowers `others` to the cost of leaving over `arm`, for all destinations at once that have their
// best way over another arm. This is the most repeated loop of the planner. It does four at a time
// where the processor can. It has no branches, because no processor could predict them.
__attribute__((target_clones("avx2", "default"), optimize("O3"))) void TakeBetter(
    RouteGraph::Arm arm, size_t size, const RouteCost* __restrict from_there,
    const uint32_t* __restrict branches, RouteCost* __restrict others, uint32_t* __restrict via) {
  const RouteCost first = arm.cost();
  for (size_t to = 0; to < size; ++to) {
    const RouteCost cost = first + from_there[to];
    const bool better = (cost < others[to]) & (branches[to] != arm.to);
    others[to] = better ? cost : others[to];
    via[to] = better ? arm.to : via[to];
  }
}

}  // namespace

// The results of one level are final before the next begins.
bool RouteSearch::PlotBest(uint32_t origin, Stale* stale) {
  made_.best.assign(graph_.size(), kNoRoute);
  made_.before.assign(graph_.size(), kNobody);
  RouteCost* const best = made_.best.data();
  best[origin] = 0;
  frontier_ = {origin};
  for (int hops = 1; hops <= limits::kRouteEdgesMax && !frontier_.empty(); ++hops) {
    next_.clear();
    for (const uint32_t edge : frontier_) {
      const RouteCost so_far = best[edge];
      for (const RouteGraph::Arm& arm : graph_.ArmsOf(edge)) {
        const RouteCost cost = so_far + arm.cost();
        if (cost >= best[arm.to]) continue;
        if (best[arm.to] == kNoRoute) next_.push_back(arm.to);
        best[arm.to] = cost;
        made_.before[arm.to] = edge;
      }
    }
    std::swap(frontier_, next_);
  }
  RoutePlot& plot = plots_[origin];
  std::swap(plot.best, made_.best);
  std::swap(plot.before, made_.before);
  if (plot.before == made_.before) return false;
  MarkOtherWays(made_.before, plot.before, stale);
  return true;
}

// A way is another if it is so up to any edge on it.
void RouteSearch::MarkOtherWays(const std::vector<uint32_t>& was, const std::vector<uint32_t>& is,
                                Stale* stale) {
  constexpr uint8_t kUnknown = 0, kSame = 1, kOther = 2;
  if (was.empty()) return stale->assign(is.size(), true);
  std::vector<uint8_t> known(is.size(), kUnknown);
  for (uint32_t edge = 0; edge < is.size(); ++edge) {
    trace_.clear();
    uint32_t at = edge;
    uint8_t verdict = kUnknown;
    for (; verdict == kUnknown; at = is[at]) {
      trace_.push_back(at);
      verdict = known[at] != kUnknown ? known[at]
                : was[at] != is[at]   ? kOther
                : is[at] == kNobody   ? kSame
                                      : kUnknown;
    }
    for (const uint32_t on_the_way : trace_) {
      known[on_the_way] = verdict;
      if (verdict == kOther) (*stale)[on_the_way] = true;
    }
  }
}

bool RouteSearch::PlotSeconds(uint32_t origin, const Stale& stale,
                              const std::vector<bool>& is_fresh) {
  RoutePlot& plot = plots_[origin];
  origin_ = origin;
  best_ = plot.best.data();
  before_ = plot.before.data();
  is_ready_ = false;
  // Where much is to be searched, what the guide says costs less to look at than what lies afar.
  const bool is_much = std::count(stale.begin(), stale.end(), true) > graph_.size() / 8;
  made_.second.assign(graph_.size(), kNoRoute);
  made_.second_begins.assign(1, 0);
  made_.second_hops.clear();
  for (uint32_t to = 0; to < graph_.size(); ++to) {
    if (!stale[to]) {
      const absl::Span<const uint32_t> as_before = plot.SecondTo(to);
      made_.second[to] = plot.second[to];
      made_.second_hops.insert(made_.second_hops.end(), as_before.begin(), as_before.end());
    } else if (to != origin && best_[to] < kNoRoute) {
      if (is_much || !is_fresh[to] || !TurnAround(to)) PlotSecond(to, is_fresh[to]);
    }
    made_.second_begins.push_back(static_cast<uint32_t>(made_.second_hops.size()));
  }
  std::swap(plot.second, made_.second);
  std::swap(plot.second_begins, made_.second_begins);
  std::swap(plot.second_hops, made_.second_hops);
  return plot.second_begins != made_.second_begins || plot.second_hops != made_.second_hops;
}

void RouteSearch::GetReady() {
  const size_t size = graph_.size();
  FindBranches();
  FindGuide();
  marks_.assign(size, mark_ = 0);
  visited_.assign(size, visit_ = 0);
  joins_.resize(size);
  detours_used_ = 0;
  detour_index_.assign(size, kNobody);
}

void RouteSearch::FindBranches() {
  branches_.assign(graph_.size(), kNobody);
  for (const RouteGraph::Arm& arm : graph_.ArmsOf(origin_)) branches_[arm.to] = arm.to;
  branches_[origin_] = origin_;
  for (uint32_t edge = 0; edge < graph_.size(); ++edge) {
    if (best_[edge] >= kNoRoute) continue;
    trace_.clear();
    uint32_t at = edge;
    for (; branches_[at] == kNobody; at = before_[at]) trace_.push_back(at);
    for (const uint32_t on_the_way : trace_) branches_[on_the_way] = branches_[at];
  }
}

// The way on from a neighbour may lead back over the origin. Then it uses the first link of the
// best way, else it would be no way on; so it is not taken, and is still no more than a way would
// cost.
void RouteSearch::FindGuide() {
  const size_t size = graph_.size();
  others_.assign(size, kNoRoute);
  other_branches_.assign(size, kNobody);
  for (const RouteGraph::Arm& arm : graph_.ArmsOf(origin_)) {
    TakeBetter(arm, size, plots_[arm.to].best.data(), branches_.data(), others_.data(),
               other_branches_.data());
  }
  for (RouteCost& cost : others_) {
    if (cost >= kBeyond) cost = kNoRoute;
  }
  others_[origin_] = 0;
}

bool RouteSearch::TurnAround(uint32_t destination) {
  const RoutePlot& there = plots_[destination];
  for (uint32_t at = destination; at != origin_; at = before_[at]) {
    if (there.before[before_[at]] != at) return false;
  }
  const absl::Span<const uint32_t> back = there.SecondTo(origin_);
  made_.second[destination] = there.second[origin_];
  if (back.empty()) return true;
  made_.second_hops.insert(made_.second_hops.end(), back.rbegin() + 1, back.rend());
  made_.second_hops.push_back(destination);
  return true;
}

void RouteSearch::MarkBest(uint32_t destination) {
  ++mark_;
  detour_ = nullptr;
  for (uint32_t at = destination; at != origin_; at = before_[at]) {
    marks_[at] = mark_;
    if (detour_ == nullptr && detour_index_[at] != kNobody) detour_ = &detours_[detour_index_[at]];
  }
}

void RouteSearch::PlotSecond(uint32_t destination, bool is_back_known) {
  if (!std::exchange(is_ready_, true)) GetReady();
  MarkBest(destination);
  branch_ = branches_[destination];
  joins_[destination] = kNobody;
  RouteCost cost = GuideCost(destination);
  if (cost >= kNoRoute) return;
  uint32_t join = destination;
  if (!TraceGuide(destination)) {
    if (is_back_known && TurnAround(destination)) return;
    join = SearchAround(destination, &cost);
  }
  if (join == kNobody) return;
  made_.second[destination] = cost;
  std::vector<uint32_t>& hops = made_.second_hops;
  hops.insert(hops.end(), trace_.rbegin(), trace_.rend());
  for (uint32_t at = joins_[join]; at != kNobody; at = joins_[at]) hops.push_back(at);
}

bool RouteSearch::TraceGuide(uint32_t edge) {
  trace_.clear();
  bool is_free = true;
  const uint32_t* before = before_;
  uint32_t last = kNobody;  // Before it comes the origin.
  if (detour_ != nullptr) {
    before = detour_->from.data();
  } else if (branches_[edge] == branch_ && edge != origin_) {
    last = other_branches_[edge];
    before = plots_[last].before.data();
  }
  for (uint32_t at = edge; at != origin_;) {
    trace_.push_back(at);
    const uint32_t from = at == last ? origin_ : before[at];
    if (IsOnBest(from, at)) {
      is_free = false;
      clash_ = before_[at] == from ? at : from;
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

// Only ways in the branch of `around` use links of the best way there, so the others stay.
void RouteSearch::SpreadDetour(uint32_t around, Detour* detour) {
  const uint32_t branch = branches_[around];
  const int depth = HopsOf(best_[around]);
  // `around` is on the best way that is marked, so its own is the upper part of that.
  const auto is_banned = [&](uint32_t from, uint32_t to) {
    if (!IsOnBest(from, to)) return false;
    const uint32_t lower = before_[to] == from ? to : from;
    return HopsOf(best_[lower]) <= depth;
  };
  detour->cost.assign(best_, best_ + graph_.size());
  detour->from.assign(before_, before_ + graph_.size());
  next_.clear();
  for (uint32_t edge = 0; edge < graph_.size(); ++edge) {
    if (branches_[edge] != branch || best_[edge] >= kNoRoute) continue;
    next_.push_back(edge);
    detour->cost[edge] = kNoRoute;
    detour->from[edge] = kNobody;
  }
  open_.clear();
  RouteCost* const costs = detour->cost.data();
  for (const uint32_t edge : next_) {  // From outside the branch.
    for (const RouteGraph::Arm& arm : graph_.ArmsOf(edge)) {
      const RouteCost cost = costs[arm.to] + arm.cost();
      if (cost >= costs[edge] || is_banned(arm.to, edge)) continue;
      costs[edge] = cost;
      detour->from[edge] = arm.to;
    }
    if (costs[edge] >= kBeyond) continue;
    open_.push_back({costs[edge], 0, edge, kNobody});
  }
  std::make_heap(open_.begin(), open_.end());
  while (!open_.empty()) {  // And within it.
    std::pop_heap(open_.begin(), open_.end());
    const Step step = open_.back();
    open_.pop_back();
    if (step.estimate > costs[step.edge]) continue;
    for (const RouteGraph::Arm& arm : graph_.ArmsOf(step.edge)) {
      const RouteCost cost = step.estimate + arm.cost();
      if (cost >= costs[arm.to] || cost >= kBeyond || is_banned(step.edge, arm.to)) continue;
      costs[arm.to] = cost;
      detour->from[arm.to] = step.edge;
      open_.push_back({cost, 0, arm.to, kNobody});
      std::push_heap(open_.begin(), open_.end());
    }
  }
}

}  // namespace convergia::mgmt
