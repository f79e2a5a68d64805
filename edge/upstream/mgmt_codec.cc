#include "edge/upstream/mgmt_codec.h"

#include <utility>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

// The destination at `place`, counted from 1; nullopt if there is none.
std::optional<NodeId> EdgeAt(const v1::Routes& routes, uint32_t place) {
  if (place == 0 || place > routes.destinations_size()) return std::nullopt;
  return routes.destinations(static_cast<int>(place) - 1);
}

// Reads the second route of destination `index` into `second`. `*next` is the index of its first
// edge in second_edges, and moves on to that of the next destination. False if it is malformed.
bool UnpackSecond(const v1::Routes& routes, int index, int* next, Hops* second) {
  const uint32_t hops = routes.second_hops(index);
  if (hops == 0) return true;
  if (hops > limits::kRouteEdgesMax) return false;
  for (uint32_t hop = 1; hop < hops; ++hop) {
    if (*next >= routes.second_edges_size()) return false;
    const std::optional<NodeId> edge = EdgeAt(routes, routes.second_edges((*next)++));
    if (!edge.has_value()) return false;
    second->push_back(*edge);
  }
  second->push_back(routes.destinations(index));
  return true;
}

}  // namespace

std::optional<std::vector<RouteTable::Pair>> UnpackRoutes(const v1::Routes& routes) {
  const int count = routes.destinations_size();
  if (routes.before_size() != count || routes.second_hops_size() != count) return std::nullopt;
  std::vector<RouteTable::Pair> pairs;
  pairs.reserve(count);
  int next = 0;
  for (int i = 0; i < count; ++i) {
    const uint32_t before = routes.before(i);
    if (before > i) return std::nullopt;  // `before` counts from 1 and must name an earlier one.
    RouteTable::Pair pair{.destination = routes.destinations(i)};
    if (before > 0) pair.best = pairs[before - 1].best;
    if (pair.best.size() >= limits::kRouteEdgesMax) return std::nullopt;
    pair.best.push_back(pair.destination);
    if (!UnpackSecond(routes, i, &next, &pair.second)) return std::nullopt;
    pairs.push_back(std::move(pair));
  }
  if (next != routes.second_edges_size()) return std::nullopt;
  return pairs;
}

v1::LinkReport PackLinks(absl::Span<const Switchboard::LinkView> links) {
  v1::LinkReport report;
  for (const Switchboard::LinkView& link : links) {
    if (link.rtt_us == 0) continue;  // A later report has it, after its first answer.
    v1::LinkState* const state = report.add_links();
    state->set_peer(link.peer);
    state->set_rtt_us(link.rtt_us);
    state->set_loss(link.loss);
  }
  return report;
}

}  // namespace convergia::edge
