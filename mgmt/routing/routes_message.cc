#include "mgmt/routing/routes_message.h"

#include <vector>

#include "common/base/limits.h"

namespace convergia::mgmt {
namespace {

// FNV-1a by words: the same in every build, as a version must be.
class Hash {
 public:
  void Add(const google::protobuf::RepeatedField<uint32_t>& words) {
    Mix(words.size());
    for (const uint32_t word : words) Mix(word);
  }
  uint64_t value() const { return hash_; }

 private:
  void Mix(uint64_t word) {
    hash_ = (hash_ ^ word) * 1099511628211ull;
    hash_ ^= hash_ >> 32;  // The multiplication carries upward only.
  }
  uint64_t hash_ = 14695981039346656037ull;
};

void SetVersion(v1::Routes* routes) {
  Hash hash;
  hash.Add(routes->destinations());
  hash.Add(routes->before());
  hash.Add(routes->second_hops());
  hash.Add(routes->second_edges());
  routes->set_version(hash.value());
}

uint32_t* Room(int count, google::protobuf::RepeatedField<uint32_t>* words) {
  words->Resize(count, 0);
  return words->mutable_data();
}

std::vector<uint32_t> NearestFirst(const RoutePlot& plot) {
  std::vector<std::vector<uint32_t>> by_hops(limits::kRouteEdgesMax + 1);
  for (uint32_t to = 0; to < plot.best.size(); ++to) {
    if (plot.best[to] < kNoRoute) by_hops[HopsOf(plot.best[to])].push_back(to);
  }
  std::vector<uint32_t> order;
  for (int hops = 1; hops <= limits::kRouteEdgesMax; ++hops) {
    order.insert(order.end(), by_hops[hops].begin(), by_hops[hops].end());
  }
  return order;
}

}  // namespace

v1::Routes PackRoutes(const RouteGraph& graph, uint32_t origin, const RoutePlot& plot) {
  v1::Routes routes;
  const std::vector<uint32_t> order = NearestFirst(plot);
  std::vector<uint32_t> place(plot.best.size(), 0);  // The origin keeps 0.
  const int count = static_cast<int>(order.size());
  // Written as arrays: a thousand edges have a million rows.
  uint32_t* destination = Room(count, routes.mutable_destinations());
  uint32_t* before = Room(count, routes.mutable_before());
  uint32_t* second_hops = Room(count, routes.mutable_second_hops());
  uint32_t last = 0;
  for (const uint32_t to : order) {
    *destination++ = graph.ids[to];
    place[to] = ++last;
    *before++ = place[plot.before[to]];
  }
  auto* const second_edges = routes.mutable_second_edges();
  uint32_t* edge = Room(static_cast<int>(plot.second_hops.size()), second_edges);
  for (const uint32_t to : order) {
    const absl::Span<const uint32_t> second = plot.SecondTo(to);
    *second_hops++ = static_cast<uint32_t>(second.size());
    for (size_t i = 0; i + 1 < second.size(); ++i) *edge++ = place[second[i]];
  }
  second_edges->Truncate(static_cast<int>(edge - second_edges->data()));
  SetVersion(&routes);
  return routes;
}

v1::Routes NoRoutes() {
  v1::Routes routes;
  SetVersion(&routes);
  return routes;
}

}  // namespace convergia::mgmt
