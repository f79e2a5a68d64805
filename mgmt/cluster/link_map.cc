#include "mgmt/cluster/link_map.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace convergia::mgmt {
namespace {

// A new round-trip time counts if it differs by more than both of these.
constexpr double kChangeRatio = 0.25;
constexpr uint32_t kChangeUs = 200;
constexpr double kChangeLoss = 0.05;

bool DiffersMuch(uint32_t before, uint32_t now) {
  const double difference = std::abs(static_cast<double>(now) - before);
  return difference > kChangeUs && difference > kChangeRatio * before;
}

}  // namespace

bool LinkMap::Report(NodeId edge, absl::Span<const v1::LinkState* const> links) {
  const bool known = reports_.contains(edge);
  Peers& before = reports_[edge];
  Peers now;
  bool changed = !known;
  for (const v1::LinkState* link : links) {
    if (link->peer() == 0 || link->peer() == edge) continue;
    Measured measured = {std::clamp<uint32_t>(link->rtt_us(), 1, kRttUsMax),
                         std::isfinite(link->loss()) ? std::clamp(link->loss(), 0.0, 1.0) : 1.0};
    const auto old = before.find(link->peer());
    if (old == before.end()) {
      changed = true;
    } else if (DiffersMuch(old->second.rtt_us, measured.rtt_us) ||
               std::abs(old->second.loss - measured.loss) > kChangeLoss) {
      changed = true;
    } else {
      measured = old->second;
    }
    now.emplace(link->peer(), measured);
  }
  changed |= now.size() != before.size();
  before = std::move(now);
  return changed;
}

bool LinkMap::Forget(NodeId edge) { return reports_.erase(edge) > 0; }

bool LinkMap::AnyoneReaches(NodeId edge) const {
  return std::any_of(reports_.begin(), reports_.end(),
                     [&](const auto& report) { return report.second.contains(edge); });
}

std::vector<Link> LinkMap::Links() const {
  std::map<std::pair<NodeId, NodeId>, Link> links;
  for (const auto& [edge, peers] : reports_) {
    for (const auto& [peer, measured] : peers) {
      const auto other = reports_.find(peer);
      if (other != reports_.end() && !other->second.contains(edge)) continue;
      Link& link = links[std::minmax(edge, peer)];
      link.a = std::min(edge, peer);
      link.b = std::max(edge, peer);
      link.rtt_us = std::max(link.rtt_us, measured.rtt_us);
      link.loss = std::max(link.loss, measured.loss);
    }
  }
  std::vector<Link> sorted;
  for (const auto& [ends, link] : links) sorted.push_back(link);
  return sorted;
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

std::vector<NodeId> LinkMap::NeighboursOf(NodeId edge) const {
  std::vector<NodeId> neighbours;
  for (const Link& link : Links()) {
    if (link.a == edge) neighbours.push_back(link.b);
    if (link.b == edge) neighbours.push_back(link.a);
  }
  std::sort(neighbours.begin(), neighbours.end());
  return neighbours;
}

}  // namespace convergia::mgmt
