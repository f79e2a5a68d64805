#include "mgmt/routing/route_graph.h"

#include <algorithm>

namespace convergia::mgmt {

RouteGraph::RouteGraph(absl::Span<const Link> links, absl::Span<const NodeId> also)
    : ids(also.begin(), also.end()) {
  ids.reserve(ids.size() + 2 * links.size());
  for (const Link& link : links) {
    ids.push_back(link.a);
    ids.push_back(link.b);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  begins.assign(ids.size() + 1, 0);
  std::vector<std::pair<uint32_t, uint32_t>> ends;
  ends.reserve(links.size());
  for (const Link& link : links) {
    ends.emplace_back(IndexOf(link.a), IndexOf(link.b));
    ++begins[ends.back().first + 1];
    ++begins[ends.back().second + 1];
  }
  for (size_t edge = 0; edge < ids.size(); ++edge) begins[edge + 1] += begins[edge];
  arms.resize(2 * links.size());
  std::vector<uint32_t> next(begins.begin(), begins.end() - 1);
  // All links to lower ids stand before those to higher ones, since they are sorted by (a, b).
  for (size_t i = 0; i < links.size(); ++i) {
    arms[next[ends[i].second]++] = {ends[i].first, links[i].rtt_us};
  }
  for (size_t i = 0; i < links.size(); ++i) {
    arms[next[ends[i].first]++] = {ends[i].second, links[i].rtt_us};
  }
}

size_t RouteGraph::CountAlone() const {
  size_t alone = 0;
  for (size_t edge = 0; edge < size(); ++edge) alone += begins[edge] == begins[edge + 1];
  return alone;
}

uint32_t RouteGraph::IndexOf(NodeId id) const {
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  const bool is_there = found != ids.end() && *found == id;
  return static_cast<uint32_t>(is_there ? found - ids.begin() : ids.size());
}

}  // namespace convergia::mgmt
