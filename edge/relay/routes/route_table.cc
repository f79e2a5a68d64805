#include "edge/relay/routes/route_table.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

// There are fewer routes than this to one destination.
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
  const Hops* silent = nullptr;  // The one that is silent for longest.
  absl::Duration silent_until;
  const auto is_good = [&](const Hops& hops) {
    if (hops.empty() || !link_is_up(hops.front()) || BouncedLately(destination, hops, now)) {
      return false;
    }
    const absl::Duration until = SilentUntil(destination, hops);
    if (until <= now) return true;
    if (silent == nullptr || until < silent_until) {
      silent = &hops;
      silent_until = until;
    }
    return false;
  };
  const auto found = pairs_.find(destination);
  if (found != pairs_.end()) {
    if (is_good(found->second.best)) return found->second.best;
    if (is_good(found->second.second)) return found->second.second;
  }
  const Hops direct = {destination};
  if (destination != self_ && is_good(direct)) return direct;
  const auto back = backwards_.find(destination);
  if (back != backwards_.end() && now < back->second.until && is_good(back->second.hops)) {
    return back->second.hops;
  }
  if (silent == nullptr) return std::nullopt;
  return *silent;
}

absl::Duration RouteTable::SilentUntil(NodeId destination, const Hops& hops) const {
  const auto found = silences_.find(destination);
  if (found == silences_.end()) return -absl::InfiniteDuration();
  for (const WayUntil& silence : found->second) {
    if (silence.hops == hops) return silence.until;
  }
  return -absl::InfiniteDuration();
}

void RouteTable::OnSilence(NodeId destination, const Hops& hops, absl::Duration now) {
  if (hops.empty()) return;
  std::vector<WayUntil>& silences = silences_[destination];
  std::erase_if(silences, [&](const WayUntil& silence) {
    return silence.until <= now || silence.hops == hops;
  });
  if (silences.size() >= kBouncesMax) silences.erase(silences.begin());
  silences.push_back({hops, now + kSilenceMemory});
}

void RouteTable::OnLinkUp(NodeId peer) {
  for (auto silences = silences_.begin(); silences != silences_.end();) {
    std::erase_if(silences->second,
                  [peer](const WayUntil& silence) { return silence.hops.front() == peer; });
    if (silences->second.empty()) {
      silences_.erase(silences++);
    } else {
      ++silences;
    }
  }
}

void RouteTable::OnArrival(NodeId destination, absl::Span<const NodeId> visited,
                           absl::Duration now) {
  if (visited.empty()) return;  // It came over a direct link.
  Hops hops(visited.rbegin(), visited.rend());
  hops.push_back(destination);
  if (IsSound(hops, destination))
    backwards_[destination] = {std::move(hops), now + kBackwardMemory};
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
