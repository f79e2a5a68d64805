#include "mgmt/cluster/route_planner.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mgmt/cluster/routes_message.h"

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

bool UsesAny(const RoutePlot& plot, const std::vector<bool>& is_end,
             const std::vector<std::pair<uint32_t, uint32_t>>& links, uint32_t origin) {
  const auto is_one = [&](uint32_t x, uint32_t y) {
    return std::binary_search(links.begin(), links.end(),
                              std::pair(std::min(x, y), std::max(x, y)));
  };
  for (uint32_t to = 0; to < plot.before.size(); ++to) {
    const uint32_t from = plot.before[to];
    if (is_end[to] && from != RoutePlot::kNobody && is_end[from] && is_one(from, to)) return true;
  }
  for (uint32_t to = 0; to + 1 < plot.second_begins.size(); ++to) {
    uint32_t from = origin;
    for (const uint32_t hop : plot.SecondTo(to)) {
      if (is_end[hop] && is_end[from] && is_one(from, hop)) return true;
      from = hop;
    }
  }
  return false;
}

}  // namespace

std::vector<NodeId> RoutePlanner::Replace(absl::Span<const Link> links) {
  std::vector<Link> tidy = Tidy(links);
  auto graph = std::make_unique<RouteGraph>(tidy);
  plotted_count_ = 0;
  if (graph->ids != graph_->ids) {
    std::vector<NodeId> left;
    std::set_difference(graph_->ids.begin(), graph_->ids.end(), graph->ids.begin(),
                        graph->ids.end(), std::back_inserter(left));
    links_ = std::move(tidy);
    graph_ = std::move(graph);
    return PlotAll(std::move(left));
  }
  const Changes changes = Compare(tidy);
  std::vector<bool> concerned(graph_->size(), false);
  MarkUsersOf(changes.worse, &concerned);
  MarkWhoGains(changes.better, &concerned);
  links_ = std::move(tidy);
  graph_ = std::move(graph);
  return PlotSome(concerned);
}

std::vector<NodeId> RoutePlanner::PlotAll(std::vector<NodeId> left) {
  plots_.assign(graph_->size(), RoutePlot());
  RouteSearch search(*graph_);
  for (uint32_t origin = 0; origin < graph_->size(); ++origin) {
    search.Plot(origin, &plots_[origin]);
    left.push_back(graph_->ids[origin]);
  }
  plotted_count_ = graph_->size();
  std::sort(left.begin(), left.end());
  return left;
}

std::vector<NodeId> RoutePlanner::PlotSome(const std::vector<bool>& concerned) {
  std::vector<NodeId> changed;
  RouteSearch search(*graph_);
  RoutePlot plot;
  for (uint32_t origin = 0; origin < graph_->size(); ++origin) {
    if (!concerned[origin]) continue;
    search.Plot(origin, &plot);
    ++plotted_count_;
    if (!plot.SameWays(plots_[origin])) changed.push_back(graph_->ids[origin]);
    std::swap(plot, plots_[origin]);
  }
  return changed;
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
                               std::vector<bool>* concerned) const {
  if (links.empty()) return;
  std::vector<bool> is_end(graph_->size(), false);
  std::vector<std::pair<uint32_t, uint32_t>> sorted;
  for (const Changes::Ends& link : links) {
    is_end[link.a] = is_end[link.b] = true;
    sorted.emplace_back(link.a, link.b);
  }
  for (uint32_t origin = 0; origin < plots_.size(); ++origin) {
    if (UsesAny(plots_[origin], is_end, sorted, origin)) (*concerned)[origin] = true;
  }
}

// A way over one of these costs at least what it costs to come to the first of them, that one, and
// what it costs from the last; costs are the same both ways. Who would not gain even so, does not.
void RoutePlanner::MarkWhoGains(const std::vector<Changes::Ends>& links,
                                std::vector<bool>* concerned) const {
  if (links.empty()) return;
  const size_t size = graph_->size();
  std::vector<RouteCost> from_any(size, kNoRoute);
  for (const Changes::Ends& link : links) {
    for (size_t to = 0; to < size; ++to) {
      from_any[to] = std::min({from_any[to], plots_[link.a].best[to], plots_[link.b].best[to]});
    }
  }
  const bool is_single = links.size() == 1;
  for (size_t origin = 0; origin < size; ++origin) {
    const std::vector<RouteCost>& second = plots_[origin].second;
    const std::vector<RouteCost>& best = plots_[origin].best;
    // Over the only one, from either end; or over many, from the nearest of all.
    RouteCost over_a = kNoRoute, over_b = kNoRoute;
    for (const Changes::Ends& link : links) {
      over_a = std::min(over_a, best[link.a] + link.cost);
      over_b = std::min(over_b, best[link.b] + link.cost);
    }
    const RouteCost over_any = std::min(over_a, over_b);
    const std::vector<RouteCost>& after_a = plots_[links[0].b].best;
    const std::vector<RouteCost>& after_b = plots_[links[0].a].best;
    bool gains = false;
    for (size_t to = 0; to < size; ++to) {
      const RouteCost least = is_single ? std::min(over_a + after_a[to], over_b + after_b[to])
                                        : over_any + from_any[to];
      gains |= to != origin && least < second[to];
    }
    if (gains) (*concerned)[origin] = true;
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

std::vector<RoutesTo> RoutePlanner::PlanFrom(NodeId origin_id) const {
  std::vector<RoutesTo> routes;
  const uint32_t origin = graph_->IndexOf(origin_id);
  if (origin == graph_->size()) return routes;
  const RoutePlot& plot = plots_[origin];
  for (uint32_t to = 0; to < graph_->size(); ++to) {
    if (to == origin || plot.best[to] >= kNoRoute) continue;
    RoutesTo& found = routes.emplace_back();
    found.destination = graph_->ids[to];
    found.best = BestOf(plot, to);
    if (plot.second[to] < kNoRoute) found.second = SecondOf(plot, to);
  }
  return routes;
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
