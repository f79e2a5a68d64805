#include "mgmt/routing/link_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

// A new round-trip time counts if it differs by more than both of these.
constexpr double kChangeRatio = 0.25;
constexpr uint32_t kChangeUs = 200;

bool DiffersMuch(uint32_t before, uint32_t now) {
  const double difference = std::abs(static_cast<double>(now) - before);
  return difference > kChangeUs && difference > kChangeRatio * before;
}

// Empty if the row can be true.
std::string WhatIsWrong(NodeId edge, const v1::LinkState& link,
                        absl::FunctionRef<bool(NodeId)> is_edge) {
  if (link.peer() == edge) return "a link to itself";
  if (!is_edge(link.peer())) return absl::StrCat("a link to node ", link.peer(), ", no edge");
  if (link.rtt_us() == 0 || link.rtt_us() > LinkMap::kRttUsMax) {
    return absl::StrCat("a round-trip time of ", link.rtt_us(), " us");
  }
  if (!(link.loss() >= 0 && link.loss() <= 1)) return absl::StrCat("a loss of ", link.loss());
  return "";
}

}  // namespace

LinkMap::Outcome LinkMap::Report(NodeId edge, absl::Span<const v1::LinkState* const> links,
                                 absl::FunctionRef<bool(NodeId)> is_edge) {
  if (links.size() > kRowsMax) {
    return {.refused = static_cast<int>(links.size()), .why = "far too many links"};
  }
  Outcome outcome;
  outcome.links_changed = !reports_.contains(edge);
  Peers& before = reports_[edge];
  Peers now;
  for (const v1::LinkState* link : links) {
    std::string wrong = WhatIsWrong(edge, *link, is_edge);
    if (wrong.empty() && now.contains(link->peer())) {
      wrong = absl::StrCat("a link to node ", link->peer(), " twice");
    }
    if (!wrong.empty()) {
      if (outcome.refused++ == 0) outcome.why = std::move(wrong);
      continue;
    }
    Measured measured = {link->rtt_us(), link->loss()};
    const auto old = before.find(link->peer());
    if (old == before.end()) {
      outcome.links_changed = true;
    } else if (DiffersMuch(old->second.rtt_us, measured.rtt_us)) {
      outcome.times_changed = true;
    } else {
      measured.rtt_us = old->second.rtt_us;
    }
    now.emplace(link->peer(), measured);
  }
  outcome.links_changed |= now.size() != before.size();
  before = std::move(now);
  return outcome;
}

bool LinkMap::Forget(NodeId edge) { return reports_.erase(edge) > 0; }

bool LinkMap::AnyoneReaches(NodeId edge) const {
  return std::any_of(reports_.begin(), reports_.end(),
                     [&](const auto& report) { return report.second.contains(edge); });
}

bool LinkMap::Denies(NodeId edge, NodeId peer) const {
  const auto report = reports_.find(edge);
  return report != reports_.end() && !report->second.contains(peer);
}

std::vector<Link> LinkMap::Links() const {
  std::vector<Link> links;
  for (const auto& [edge, peers] : reports_) {
    for (const auto& [peer, measured] : peers) {
      if (Denies(peer, edge)) continue;
      links.push_back({std::min(edge, peer), std::max(edge, peer), measured.rtt_us, measured.loss});
    }
  }
  std::sort(links.begin(), links.end(),
            [](const Link& x, const Link& y) { return std::pair(x.a, x.b) < std::pair(y.a, y.b); });
  // If both ends report a link it counts once, with the worse of the two measurements.
  size_t kept = 0;
  for (const Link& link : links) {
    if (kept > 0 && links[kept - 1].a == link.a && links[kept - 1].b == link.b) {
      Link& same = links[kept - 1];
      same.rtt_us = std::max(same.rtt_us, link.rtt_us);
      same.loss = std::max(same.loss, link.loss);
    } else {
      links[kept++] = link;
    }
  }
  links.resize(kept);
  return links;
}

std::vector<v1::LinkState> LinkMap::ReportOf(NodeId edge) const {
  std::vector<v1::LinkState> states;
  const auto found = reports_.find(edge);
  if (found == reports_.end()) return states;
  for (const auto& [peer, measured] : found->second) {
    v1::LinkState& state = states.emplace_back();
    state.set_peer(peer);
    state.set_rtt_us(measured.rtt_us);
    state.set_loss(measured.loss);
  }
  std::sort(states.begin(), states.end(),
            [](const auto& a, const auto& b) { return a.peer() < b.peer(); });
  return states;
}

size_t LinkMap::ReportCount() const {
  size_t count = 0;
  for (const auto& [edge, peers] : reports_) count += peers.size();
  return count;
}

std::vector<NodeId> LinkMap::NeighboursOf(NodeId edge) const {
  std::vector<NodeId> neighbours;
  const auto report = reports_.find(edge);
  if (report != reports_.end()) {
    for (const auto& [peer, measured] : report->second) {
      if (!Denies(peer, edge)) neighbours.push_back(peer);
    }
  } else {
    for (const auto& [other, peers] : reports_) {
      if (peers.contains(edge)) neighbours.push_back(other);
    }
  }
  std::sort(neighbours.begin(), neighbours.end());
  return neighbours;
}

}  // namespace convergia::mgmt
