#include "mgmt/routing/route_planner.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mgmt/routing/routes_message.h"

namespace convergia::mgmt {
namespace {

std::pair<NodeId, NodeId> EndsOf(const Link& link) { return {link.a, link.b}; }

std::vector<Link> Tidy(absl::Span<const Link> links) {
  std::vector<Link> tidy;
  tidy.reserve(links.size());
  for (const Link& link : links) {
    if (link.a == link.b) continue;
    tidy.push_back(link);
    if (link.a > link.b) std::swap(tidy.back().a, tidy.back().b);
  }
  const auto before = [](const Link& x, const Link& y) { return EndsOf(x) < EndsOf(y); };
  if (!std::is_sorted(tidy.begin(), tidy.end(), before)) {
    std::stable_sort(tidy.begin(), tidy.end(), before);
  }
  const auto same = [](const Link& x, const Link& y) { return EndsOf(x) == EndsOf(y); };
  tidy.erase(std::unique(tidy.begin(), tidy.end(), same), tidy.end());
  return tidy;
}

// The most edges that may come at once, or keep their number after they left, without replotting
// everything. Beyond that all routes are plotted again, without the edges that left.
size_t StrangersMax(size_t size) { return 16 + size / 8; }

// Moves the element at [i] to [places[i]]; `none` between.
template <typename T>
std::vector<T> Moved(const std::vector<T>& what, const std::vector<uint32_t>& places, size_t size,
                     T none) {
  std::vector<T> moved(size, none);
  for (size_t i = 0; i < what.size(); ++i) moved[places[i]] = what[i];
  return moved;
}

void MovePlot(const std::vector<uint32_t>& places, size_t size, RoutePlot* plot) {
  for (uint32_t& edge : plot->before) {
    if (edge != RoutePlot::kNobody) edge = places[edge];
  }
  for (uint32_t& edge : plot->second_hops) edge = places[edge];
  plot->best = Moved(plot->best, places, size, kNoRoute);
  plot->second = Moved(plot->second, places, size, kNoRoute);
  plot->before = Moved(plot->before, places, size, RoutePlot::kNobody);
  // Where each ends, then where each begins. Places keep their order, so the hops stay.
  std::vector<uint32_t> begins(size + 1, 0);
  for (size_t i = 0; i < places.size(); ++i) begins[places[i] + 1] = plot->second_begins[i + 1];
  for (size_t i = 0; i < size; ++i) begins[i + 1] = std::max(begins[i], begins[i + 1]);
  plot->second_begins = std::move(begins);
}

}  // namespace

std::vector<NodeId> RoutePlanner::Replace(absl::Span<const Link> links) {
  std::vector<Link> tidy = Tidy(links);
  auto graph = std::make_unique<RouteGraph>(tidy, graph_->ids);
  plotted_count_ = 0;
  const size_t strangers_max = StrangersMax(graph_->size());
  if (graph->size() - graph_->size() > strangers_max || graph->CountAlone() > strangers_max) {
    return PlotAll(std::move(tidy));
  }
  if (graph->size() > graph_->size()) MakeRoomFor(*graph);
  const Changes changes = Compare(tidy);
  std::vector<Concern> concerns(graph_->size());
  MarkUsersOf(changes.worse, &concerns);
  MarkWhoGains(changes.better, &concerns);
  links_ = std::move(tidy);
  graph_ = std::move(graph);
  return Plot(&concerns);
}

void RoutePlanner::MakeRoomFor(const RouteGraph& graph) {
  const size_t size = graph.size();
  std::vector<uint32_t> places;
  for (const NodeId id : graph_->ids) places.push_back(graph.IndexOf(id));
  std::vector<RoutePlot> plots(size);
  for (size_t i = 0; i < places.size(); ++i) {
    MovePlot(places, size, &plots_[i]);
    plots[places[i]] = std::move(plots_[i]);
  }
  for (size_t i = 0; i < size; ++i) {
    if (!plots[i].best.empty()) continue;
    plots[i].best.assign(size, kNoRoute);
    plots[i].best[i] = 0;
    plots[i].second.assign(size, kNoRoute);
    plots[i].before.assign(size, RoutePlot::kNobody);
    plots[i].second_begins.assign(size + 1, 0);
  }
  plots_ = std::move(plots);
  graph_ = std::make_unique<RouteGraph>(links_, graph.ids);
}

std::vector<NodeId> RoutePlanner::PlotAll(std::vector<Link> links) {
  const std::vector<NodeId> before = graph_->ids;
  links_ = std::move(links);
  graph_ = std::make_unique<RouteGraph>(links_);
  const size_t size = graph_->size();
  plots_.assign(size, RoutePlot());
  std::vector<Concern> all(size, {.best = true, .seconds = RouteSearch::Stale(size, true)});
  Plot(&all);
  std::vector<NodeId> ids;
  std::set_union(before.begin(), before.end(), graph_->ids.begin(), graph_->ids.end(),
                 std::back_inserter(ids));
  return ids;
}

std::vector<NodeId> RoutePlanner::Plot(std::vector<Concern>* concerns) {
  const size_t size = graph_->size();
  RouteSearch search(*graph_, &plots_);
  std::vector<bool> changed(size, false), is_fresh(size, true);
  for (uint32_t origin = 0; origin < size; ++origin) {
    Concern& concern = (*concerns)[origin];
    if (!concern.best && concern.seconds.empty()) continue;
    ++plotted_count_;
    concern.seconds.resize(size, false);
    if (concern.best) changed[origin] = search.PlotBest(origin, &concern.seconds);
    is_fresh[origin] = false;
  }
  for (uint32_t origin = 0; origin < size; ++origin) {
    if (is_fresh[origin]) continue;
    if (search.PlotSeconds(origin, (*concerns)[origin].seconds, is_fresh)) changed[origin] = true;
    is_fresh[origin] = true;
  }
  std::vector<NodeId> ids;
  for (uint32_t origin = 0; origin < size; ++origin) {
    if (changed[origin]) ids.push_back(graph_->ids[origin]);
  }
  return ids;
}

std::vector<NodeId> RoutePlanner::edges() const {
  std::vector<NodeId> edges;
  for (uint32_t edge = 0; edge < graph_->size(); ++edge) {
    if (!graph_->ArmsOf(edge).empty()) edges.push_back(graph_->ids[edge]);
  }
  return edges;
}

RoutePlanner::Changes RoutePlanner::Compare(const std::vector<Link>& links) const {
  Changes changes;
  const auto ends = [this](const Link& link) {
    return Changes::Ends{graph_->IndexOf(link.a), graph_->IndexOf(link.b), kOneHop + link.rtt_us};
  };
  auto now = links.begin();
  for (const Link& old : links_) {
    for (; now != links.end() && EndsOf(*now) < EndsOf(old); ++now) {
      changes.better.push_back(ends(*now));
    }
    if (now == links.end() || EndsOf(*now) != EndsOf(old)) {
      changes.worse.push_back(ends(old));
      continue;
    }
    if (now->rtt_us > old.rtt_us) changes.worse.push_back(ends(*now));
    if (now->rtt_us < old.rtt_us) changes.better.push_back(ends(*now));
    ++now;
  }
  for (; now != links.end(); ++now) changes.better.push_back(ends(*now));
  return changes;
}

void RoutePlanner::MarkUsersOf(const std::vector<Changes::Ends>& links,
                               std::vector<Concern>* concerns) const {
  if (links.empty()) return;
  std::vector<bool> is_end(graph_->size(), false);
  std::vector<std::pair<uint32_t, uint32_t>> sorted;
  for (const Changes::Ends& link : links) {
    is_end[link.a] = is_end[link.b] = true;
    sorted.emplace_back(link.a, link.b);
  }
  const auto is_one = [&](uint32_t x, uint32_t y) {
    return is_end[x] && is_end[y] &&
           std::binary_search(sorted.begin(), sorted.end(),
                              std::pair(std::min(x, y), std::max(x, y)));
  };
  for (uint32_t origin = 0; origin < plots_.size(); ++origin) {
    const RoutePlot& plot = plots_[origin];
    Concern& concern = (*concerns)[origin];
    for (uint32_t to = 0; to < plot.before.size(); ++to) {
      const uint32_t from = plot.before[to];
      if (from != RoutePlot::kNobody && is_one(from, to)) concern.best = true;
      uint32_t last = origin;
      for (const uint32_t hop : plot.SecondTo(to)) {
        if (is_one(std::exchange(last, hop), hop)) concern.MarkSecond(to, graph_->size());
      }
    }
  }
}

// The least cost of a route over one of these links, from either of its ends to all edges.
struct RoutePlanner::Detours {
  std::vector<RouteCost> over;   // To the meeting point over one of the links.
  std::vector<RouteCost> there;  // To it, over one of them or not.
};

// Links that came at once mostly have one edge in common, which came with them: all ways over them
// lead through it. If they have none, the bound is looser: from anywhere to the nearest of them,
// over it, and from the nearest of them to anywhere. Costs are the same both ways.
RoutePlanner::Detours RoutePlanner::DetoursOver(const std::vector<Changes::Ends>& links) const {
  const auto all_meet = [&](uint32_t x) {
    return std::all_of(links.begin(), links.end(),
                       [x](const Changes::Ends& link) { return link.a == x || link.b == x; });
  };
  const uint32_t meeting = all_meet(links[0].a)   ? links[0].a
                           : all_meet(links[0].b) ? links[0].b
                                                  : RoutePlot::kNobody;
  Detours detours;
  detours.over.assign(graph_->size(), kNoRoute);
  detours.there.assign(graph_->size(), kNoRoute);
  if (meeting != RoutePlot::kNobody) detours.there = plots_[meeting].best;
  const auto take = [&](std::vector<RouteCost>* to, uint32_t from, RouteCost cost) {
    const std::vector<RouteCost>& best = plots_[from].best;
    for (size_t edge = 0; edge < best.size(); ++edge) {
      (*to)[edge] = std::min((*to)[edge], best[edge] + cost);
    }
  };
  for (const Changes::Ends& link : links) {
    for (const uint32_t end : {link.a, link.b}) {
      if (end != meeting) take(&detours.over, end, link.cost);
      if (meeting == RoutePlot::kNobody) take(&detours.there, end, 0);
    }
  }
  if (meeting != RoutePlot::kNobody) {
    for (size_t edge = 0; edge < graph_->size(); ++edge) {
      detours.there[edge] = std::min(detours.there[edge], detours.over[edge]);
    }
  }
  return detours;
}

// An origin that does not gain by these bounds cannot gain at all.
void RoutePlanner::MarkWhoGains(const std::vector<Changes::Ends>& links,
                                std::vector<Concern>* concerns) const {
  if (links.empty()) return;
  const size_t size = graph_->size();
  const Detours detours = DetoursOver(links);
  for (size_t origin = 0; origin < size; ++origin) {
    const std::vector<RouteCost>& second = plots_[origin].second;
    const std::vector<RouteCost>& best = plots_[origin].best;
    const RouteCost over = detours.over[origin], there = detours.there[origin];
    Concern& concern = (*concerns)[origin];
    for (uint32_t to = 0; to < size; ++to) {
      const RouteCost least = std::min(over + detours.there[to], there + detours.over[to]);
      if (to == origin || least >= second[to]) continue;
      concern.MarkSecond(to, size);
      if (least < best[to]) concern.best = true;
    }
  }
}

PlannedRoute RoutePlanner::BestOf(const RoutePlot& plot, uint32_t destination) const {
  PlannedRoute route{.rtt_us = RttUsOf(plot.best[destination])};
  for (uint32_t at = destination; plot.before[at] != RoutePlot::kNobody; at = plot.before[at]) {
    route.hops.push_back(graph_->ids[at]);
  }
  std::reverse(route.hops.begin(), route.hops.end());
  return route;
}

PlannedRoute RoutePlanner::SecondOf(const RoutePlot& plot, uint32_t destination) const {
  PlannedRoute route{.rtt_us = RttUsOf(plot.second[destination])};
  for (const uint32_t hop : plot.SecondTo(destination)) route.hops.push_back(graph_->ids[hop]);
  return route;
}

std::optional<RoutesTo> RoutePlanner::Describe(uint32_t origin, uint32_t destination) const {
  const RoutePlot& plot = plots_[origin];
  if (origin == destination || plot.best[destination] >= kNoRoute) return std::nullopt;
  RoutesTo found{.destination = graph_->ids[destination], .best = BestOf(plot, destination)};
  if (plot.second[destination] < kNoRoute) found.second = SecondOf(plot, destination);
  return found;
}

std::vector<RoutesTo> RoutePlanner::PlanFrom(NodeId origin_id) const {
  std::vector<RoutesTo> routes;
  const uint32_t origin = graph_->IndexOf(origin_id);
  if (origin == graph_->size()) return routes;
  for (uint32_t to = 0; to < graph_->size(); ++to) {
    if (auto found = Describe(origin, to)) routes.push_back(*std::move(found));
  }
  return routes;
}

std::optional<RoutesTo> RoutePlanner::PlanBetween(NodeId from, NodeId to) const {
  const uint32_t origin = graph_->IndexOf(from), destination = graph_->IndexOf(to);
  if (origin == graph_->size() || destination == graph_->size()) return std::nullopt;
  return Describe(origin, destination);
}

uint64_t RoutePlanner::CountRoutes() const {
  uint64_t count = 0;
  for (const RoutePlot& plot : plots_) {
    for (const RouteCost cost : plot.best) count += cost > 0 && cost < kNoRoute;
  }
  return count;
}

RouteCost RoutePlanner::CostOf(NodeId from, NodeId to) const {
  if (from == to) return 0;
  const uint32_t origin = graph_->IndexOf(from), destination = graph_->IndexOf(to);
  if (origin == graph_->size() || destination == graph_->size()) return kNoRoute;
  return plots_[origin].best[destination];
}

v1::Routes RoutePlanner::MessageFor(NodeId origin_id) const {
  const uint32_t origin = graph_->IndexOf(origin_id);
  return origin == graph_->size() ? NoRoutes() : PackRoutes(*graph_, origin, plots_[origin]);
}

}  // namespace convergia::mgmt
