// How long mgmt takes to plot routes: 1,000 edges and 10,000 links, from the reports of a link that
// goes or comes to all messages that are to be pushed, in bytes as they go out. Beside it, in the
// same run, a plain breadth-first search from each edge: the least that anything costs which looks
// at every link from every edge. Times are CPU time of the one thread.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "convergia/v1/cluster.pb.h"
#include "mgmt/routing/link_map.h"
#include "mgmt/routing/route_planner.h"

namespace convergia::bench {
namespace {

using mgmt::Link;
using mgmt::RouteGraph;
using mgmt::RoutePlanner;

constexpr uint64_t kSeed = 1;
constexpr int kChanges = 50;
constexpr int kDeaths = 10;
constexpr double kBudgetMs = 200;

double CpuMs() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::ToDoubleMilliseconds(absl::DurationFromTimespec(now));
}

// Links of a shape, none twice, with times from 0.5 to 50 ms.
class Shape {
 public:
  void Add(NodeId a, NodeId b) {
    const std::pair<NodeId, NodeId> ends = std::minmax(a, b);
    if (a == b || !seen_.insert(ends).second) return;
    links_.push_back({ends.first, ends.second, static_cast<uint32_t>(500 + rng_() % 49'500)});
  }
  // Until there are `count` in all, between edges `first` to `last`.
  void Fill(size_t count, NodeId first, NodeId last) {
    const NodeId edges = last - first + 1;
    while (links_.size() < count) {
      const NodeId a = first + rng_() % edges;
      Add(a, first + rng_() % edges);
    }
  }
  std::vector<Link> Take() {
    std::sort(links_.begin(), links_.end(), [](const Link& x, const Link& y) {
      return std::pair(x.a, x.b) < std::pair(y.a, y.b);
    });
    return std::move(links_);
  }

 private:
  Rng rng_{kSeed};
  std::set<std::pair<NodeId, NodeId>> seen_;
  std::vector<Link> links_;
};

// Anybody with anybody.
std::vector<Link> Random() {
  Shape shape;
  shape.Fill(10'000, 1, 1'000);
  return shape.Take();
}

// Offices that only dial out, and ten public edges.
std::vector<Link> Offices() {
  Shape shape;
  for (NodeId hub = 1; hub <= 10; ++hub) {
    for (NodeId edge = hub + 1; edge <= 1'000; ++edge) shape.Add(hub, edge);
  }
  return shape.Take();
}

// Two halves of the world with three links between them.
std::vector<Link> Halves() {
  Shape shape;
  shape.Add(1, 1'000);
  shape.Add(2, 999);
  shape.Add(3, 998);
  shape.Fill(5'000, 1, 500);
  shape.Fill(10'000, 501, 1'000);
  return shape.Take();
}

// All messages of `edges`, as they go out; their bytes.
size_t PackAll(const RoutePlanner& planner, const std::vector<NodeId>& edges) {
  size_t bytes = 0;
  for (const NodeId edge : edges) bytes += planner.MessageFor(edge).SerializeAsString().size();
  return bytes;
}

// Hops from each edge to all.
double PlainSearchMs(const std::vector<Link>& links) {
  const double start = CpuMs();
  const RouteGraph graph(links);
  std::vector<int> hops;
  std::vector<uint32_t> queue;
  uint64_t sum = 0;
  for (uint32_t origin = 0; origin < graph.size(); ++origin) {
    hops.assign(graph.size(), -1);
    queue = {origin};
    hops[origin] = 0;
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const RouteGraph::Arm& arm : graph.ArmsOf(queue[i])) {
        if (hops[arm.to] != -1) continue;
        hops[arm.to] = hops[queue[i]] + 1;
        queue.push_back(arm.to);
      }
    }
    for (const int count : hops) sum += count;
  }
  const double took = CpuMs() - start;
  std::printf("  plain search: hops from each edge to all   %8.1f ms (%.2f hops on average)\n",
              took, static_cast<double>(sum) / (graph.size() * (graph.size() - 1.0)));
  return took;
}

struct Series {
  std::vector<double> ms;
  size_t plotted = 0, told = 0, bytes = 0;

  double Median() {
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
  }
  void Print(const char* what, double plain_ms) {
    const double median = Median();
    std::printf(
        "  %-42s %8.1f ms median, %.1f at most (%.2f x plain); plots %zu, tells %zu edges %.0f "
        "KB\n",
        what, median, ms.back(), median / plain_ms, plotted / ms.size(), told / ms.size(),
        static_cast<double>(bytes) / ms.size() / 1024);
  }
};

// The times of links as edges report them, and the routes that mgmt plots from them.
class World {
 public:
  // As both ends of it say; 0: it is down.
  void Set(const Link& link, uint32_t rtt_us) {
    times_[link.a][link.b] = times_[link.b][link.a] = rtt_us;
    dirty_.insert({link.a, link.b});
  }

  // From the reports of those whose links changed to the messages for all that are concerned.
  void Measure(Series* series);

 private:
  void Report(NodeId edge);

  std::map<NodeId, std::map<NodeId, uint32_t>> times_;
  std::set<NodeId> dirty_;
  mgmt::LinkMap links_;
  RoutePlanner planner_;
};

void World::Report(NodeId edge) {
  v1::LinkReport report;
  for (const auto& [peer, rtt_us] : times_[edge]) {
    if (rtt_us == 0) continue;
    v1::LinkState* const link = report.add_links();
    link->set_peer(peer);
    link->set_rtt_us(rtt_us);
  }
  const std::vector<const v1::LinkState*> rows(report.links().pointer_begin(),
                                               report.links().pointer_end());
  links_.Report(edge, rows, [](NodeId) { return true; });
}

void World::Measure(Series* series) {
  const double start = CpuMs();
  for (const NodeId edge : dirty_) Report(edge);
  dirty_.clear();
  const std::vector<NodeId> changed = planner_.Replace(links_.Links());
  series->bytes += PackAll(planner_, changed);
  series->ms.push_back(CpuMs() - start);
  series->plotted += planner_.plotted_count();
  series->told += changed.size();
}

// The three on which most of the best ways are.
std::vector<Link> Busiest(std::vector<Link> links) {
  const RoutePlanner planner(links);
  std::map<std::pair<NodeId, NodeId>, uint64_t> ways;
  for (const NodeId origin : planner.edges()) {
    for (const mgmt::RoutesTo& to : planner.PlanFrom(origin)) {
      NodeId from = origin;
      for (const NodeId hop : to.best.hops) ++ways[std::minmax(std::exchange(from, hop), hop)];
    }
  }
  std::sort(links.begin(), links.end(), [&](const Link& x, const Link& y) {
    return ways[{x.a, x.b}] > ways[{y.a, y.b}];
  });
  links.resize(3);
  return links;
}

void Measure(const char* name, const std::vector<Link>& links) {
  std::printf("%s: %zu links\n", name, links.size());
  const double plain_ms = PlainSearchMs(links);
  World world;
  Series start, down, up, slower, faster, busiest_down, busiest_up, gone, back;
  for (const Link& link : links) world.Set(link, link.rtt_us);
  world.Measure(&start);
  Rng rng(kSeed);
  for (int i = 0; i < kChanges; ++i) {
    const Link& link = links[rng() % links.size()];
    world.Set(link, 0);
    world.Measure(&down);
    world.Set(link, link.rtt_us);
    world.Measure(&up);
    world.Set(link, 2 * link.rtt_us);
    world.Measure(&slower);
    world.Set(link, link.rtt_us);
    world.Measure(&faster);
  }
  for (const Link& link : Busiest(links)) {
    world.Set(link, 0);
    world.Measure(&busiest_down);
    world.Set(link, link.rtt_us);
    world.Measure(&busiest_up);
  }
  for (int i = 0; i < kDeaths; ++i) {
    const NodeId edge = 1 + rng() % 1'000;
    for (const bool is_back : {false, true}) {
      for (const Link& link : links) {
        if (link.a == edge || link.b == edge) world.Set(link, is_back ? link.rtt_us : 0);
      }
      world.Measure(is_back ? &back : &gone);
    }
  }
  start.Print("all from nothing", plain_ms);
  down.Print("a link goes", plain_ms);
  up.Print("a link comes", plain_ms);
  slower.Print("a link becomes slower", plain_ms);
  faster.Print("a link becomes faster", plain_ms);
  busiest_down.Print("one of the three busiest links goes", plain_ms);
  busiest_up.Print("it comes back", plain_ms);
  gone.Print("an edge goes, with all its links", plain_ms);
  back.Print("it comes back", plain_ms);
}

}  // namespace
}  // namespace convergia::bench

int main() {
  using convergia::bench::Measure;
  std::printf("routes of 1,000 edges; from a change to all messages ready; the budget is %.0f ms\n",
              convergia::bench::kBudgetMs);
  Measure("random", convergia::bench::Random());
  Measure("offices around ten public edges", convergia::bench::Offices());
  Measure("two halves, three links between", convergia::bench::Halves());
  return 0;
}
