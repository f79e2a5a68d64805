#include "edge/route_table.h"

#include <algorithm>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

// More than there are ways to one destination.
constexpr size_t kBouncesMax = 8;

bool StartsWith(const Hops& hops, const Hops& beginning) {
  return hops.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), hops.begin());
}

}  // namespace

bool RouteTable::IsSound(const Hops& hops, NodeId destination) const {
  if (hops.empty() || hops.size() > limits::kRouteEdgesMax) return false;
  if (hops.back() != destination) return false;
  for (auto hop = hops.begin(); hop != hops.end(); ++hop) {
    if (*hop == self_ || *hop == 0) return false;
    if (std::find(hops.begin(), hop, *hop) != hop) return false;
  }
  return true;
}

int RouteTable::Replace(const std::vector<Pair>& pairs) {
  pairs_.clear();
  bounces_.clear();
  int left_out = 0;
  for (const Pair& pair : pairs) {
    Pair sound{.destination = pair.destination};
    if (IsSound(pair.best, pair.destination)) sound.best = pair.best;
    if (IsSound(pair.second, pair.destination)) sound.second = pair.second;
    left_out +=
        (sound.best.size() != pair.best.size()) + (sound.second.size() != pair.second.size());
    if (!sound.best.empty() || !sound.second.empty()) pairs_[pair.destination] = sound;
  }
  return left_out;
}

bool RouteTable::BouncedLately(NodeId destination, const Hops& hops, absl::Duration now) const {
  const auto found = bounces_.find(destination);
  if (found == bounces_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Bounce& bounce) {
    return now < bounce.until && StartsWith(hops, bounce.visited);
  });
}

std::optional<Hops> RouteTable::Find(NodeId destination, absl::FunctionRef<bool(NodeId)> link_is_up,
                                     absl::Duration now) const {
  const auto usable = [&](const Hops& hops) {
    return !hops.empty() && link_is_up(hops.front()) && !BouncedLately(destination, hops, now);
  };
  const auto found = pairs_.find(destination);
  if (found != pairs_.end()) {
    if (usable(found->second.best)) return found->second.best;
    if (usable(found->second.second)) return found->second.second;
  }
  Hops direct = {destination};
  if (destination != self_ && usable(direct)) return direct;
  return std::nullopt;
}

void RouteTable::OnBounce(NodeId destination, absl::Span<const NodeId> visited,
                          absl::Duration now) {
  if (visited.empty()) return;
  std::vector<Bounce>& bounces = bounces_[destination];
  bounces.erase(std::remove_if(bounces.begin(), bounces.end(),
                               [&](const Bounce& bounce) { return bounce.until <= now; }),
                bounces.end());
  if (bounces.size() >= kBouncesMax) bounces.erase(bounces.begin());
  bounces.push_back({Hops(visited.begin(), visited.end()), now + kBounceMemory});
}

}  // namespace convergia::edge
