#include "tests/sim/network/network.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace convergia::sim {
namespace {

// While so many parcels of a wire are under way, its sender must wait.
constexpr size_t kParcelsUnderWay = 3;

}  // namespace

Network::Path Network::PathOf(NodeId a, NodeId b) const {
  const auto found = paths_.find(Key(a, b));
  return found == paths_.end() ? Path::kOpen : found->second;
}

absl::Duration Network::Latency(NodeId a, NodeId b) {
  const auto found = latency_.find(Key(a, b));
  const absl::Duration base = found == latency_.end() ? absl::Milliseconds(1) : found->second;
  return base + dice_.Between(absl::ZeroDuration(), base / 4);
}

template <typename Fn>
void Network::ForWiresOf(NodeId a, NodeId b, const Fn& fn) {
  std::vector<WireId> ids;
  for (const auto& [id, wire] : wires_) {
    const NodeId first = wire.halves[0].end.node, second = wire.halves[1].end.node;
    if ((first == a && (b == 0 || second == b)) || (second == a && (b == 0 || first == b))) {
      ids.push_back(id);
    }
  }
  for (const WireId id : ids) fn(id);
}

void Network::SetPath(NodeId a, NodeId b, Path path) {
  const Pair key = Key(a, b);
  paths_[key] = path;
  const uint64_t hold = ++holds_[key];
  switch (path) {
    case Path::kShut:
      return Cut(a, b);
    case Path::kHeld:
    case Path::kHeldUp:
    case Path::kHeldDown:
      return events_.After(kKeepalive, [this, key, hold] { BreakIfHeld(key, hold); });
    case Path::kOpen:
      ForWiresOf(a, b, [this](WireId id) {
        Pump(id, 0);
        Pump(id, 1);
      });
      return;
  }
}

void Network::OpenAllPaths() {
  std::vector<Pair> pairs;
  for (const auto& [pair, path] : paths_) {
    if (path != Path::kOpen) pairs.push_back(pair);
  }
  for (const auto& [a, b] : pairs) SetPath(a, b, Path::kOpen);
}

bool Network::IsHeld(NodeId from, NodeId to) const {
  const Path path = PathOf(from, to);
  return path == Path::kHeld || path == (from < to ? Path::kHeldUp : Path::kHeldDown);
}

void Network::BreakIfHeld(Pair pair, uint64_t hold) {
  if (holds_[pair] != hold) return;
  Cut(pair.first, pair.second);
  events_.After(kKeepalive, [this, pair, hold] { BreakIfHeld(pair, hold); });
}

void Network::SetWalled(NodeId node, bool walled) {
  if (walled) {
    walled_.insert(node);
  } else {
    walled_.erase(node);
  }
}

void Network::Cut(NodeId a, NodeId b) {
  const bool is_held = IsHold(PathOf(a, b));
  ForWiresOf(a, b, [&](WireId id) {
    const bool lose = is_held || !dice_.OneIn(3);
    for (const int to : {0, 1}) SendEnd(id, to, lose, /*by_itself=*/true);
  });
}

void Network::OnDied(NodeId node, bool silent) {
  ForWiresOf(node, 0, [&](WireId id) {
    Wire& wire = wires_.at(id);
    const int other = wire.halves[0].end.node == node ? 1 : 0;
    wire.halves[1 - other].closed = true;
    wire.halves[1 - other].arriving.clear();
    if (wire.halves[other].closed) {
      wires_.erase(id);
    } else if (!silent) {
      SendEnd(id, other, dice_.OneIn(2), /*by_itself=*/false);
    } else {
      wire.halves[other].arriving.clear();
      events_.After(kKeepalive,
                    [this, id, other] { SendEnd(id, other, /*lose=*/true, /*by_itself=*/true); });
    }
  });
}

void Network::OnStarted(NodeId node) {
  ForWiresOf(node, 0, [&](WireId id) {  // Wires of an earlier start; the others learn now that it
                                        // ended.
    const int other = wires_.at(id).halves[0].end.node == node ? 1 : 0;
    SendEnd(id, other, /*lose=*/true, /*by_itself=*/false);
  });
}

void Network::Dial(NodeId from, NodeId to, absl::AnyInvocable<void(bool reached)> done) {
  // A wall that drops packets costs the whole time-out; one that refuses is noticed at once.
  const bool is_silent = IsHold(PathOf(from, to)) || dice_.OneIn(2);
  const bool may_arrive = CanDial(from, to);
  const absl::Duration wait = !may_arrive && is_silent ? kDialTimeout : 2 * Latency(from, to);
  events_.After(wait, [this, from, to, may_arrive, done = std::move(done)]() mutable {
    done(may_arrive && CanDial(from, to));
  });
}

WireId Network::Open(End a, End b) {
  const WireId id = ++last_wire_;
  Wire& wire = wires_[id];
  wire.halves[0].end = std::move(a);
  wire.halves[1].end = std::move(b);
  return id;
}

void Network::Send(WireId id, NodeId from, EventQueue::Task deliver, EventQueue::Task drained) {
  const auto found = wires_.find(id);
  if (found == wires_.end()) return;
  const int to = found->second.halves[0].end.node == from ? 1 : 0;
  if (found->second.halves[1 - to].closed) return;
  Parcel parcel{.deliver = std::move(deliver), .drained = std::move(drained)};
  if (parcel.drained && found->second.halves[to].arriving.size() < kParcelsUnderWay) {
    events_.After(dice_.Between(absl::Microseconds(5), absl::Microseconds(80)),
                  std::exchange(parcel.drained, nullptr));
  }
  Enqueue(id, to, std::move(parcel));
}

void Network::Enqueue(WireId id, int to, Parcel parcel) {
  Wire& wire = wires_.at(id);
  Half& half = wire.halves[to];
  const absl::Duration latency = Latency(half.end.node, wire.halves[1 - to].end.node);
  parcel.due = std::max(half.last_due, events_.now() + latency);
  half.last_due = parcel.due;
  const absl::Duration wait = parcel.due - events_.now();
  half.arriving.push_back(std::move(parcel));
  events_.After(wait, [this, id, to] { Pump(id, to); });
}

void Network::Pump(WireId id, int to) {
  while (true) {
    const auto found = wires_.find(id);
    if (found == wires_.end()) return;
    Half& half = found->second.halves[to];
    if (half.arriving.empty() || half.arriving.front().due > events_.now()) return;
    const bool is_held = IsHeld(found->second.halves[1 - to].end.node, half.end.node);
    if (is_held && !half.arriving.front().passes_hold) return;
    Parcel parcel = std::move(half.arriving.front());
    half.arriving.pop_front();
    if (parcel.drained) events_.After(absl::ZeroDuration(), std::move(parcel.drained));
    if (parcel.is_end) return Finish(id, to);
    if (!half.closed) parcel.deliver();
  }
}

void Network::Finish(WireId id, int which) {
  const auto found = wires_.find(id);
  if (found == wires_.end() || std::exchange(found->second.halves[which].closed, true)) return;
  OnClosed on_closed = std::move(found->second.halves[which].end.on_closed);
  if (found->second.halves[1 - which].closed) wires_.erase(found);
  if (on_closed) on_closed();
}

void Network::SendEnd(WireId id, int to, bool lose, bool by_itself) {
  const auto found = wires_.find(id);
  if (found == wires_.end() || found->second.halves[to].closed) return;
  if (lose) found->second.halves[to].arriving.clear();
  Enqueue(id, to, {.is_end = true, .passes_hold = by_itself});
}

void Network::Close(WireId id, NodeId by) {
  const auto found = wires_.find(id);
  if (found == wires_.end()) return;
  const int own = found->second.halves[0].end.node == by ? 0 : 1;
  SendEnd(id, 1 - own, /*lose=*/dice_.OneIn(2), /*by_itself=*/false);
  found->second.halves[own].arriving.clear();
  events_.After(absl::ZeroDuration(), [this, id, own] { Finish(id, own); });
}

}  // namespace convergia::sim
