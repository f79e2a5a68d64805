#include "tests/sim/nodes/edge.h"

#include <algorithm>

namespace convergia::sim {
namespace {

constexpr uint64_t kTurnsPerCheck = 4;                      // The check visits every queue.
constexpr absl::Duration kTrafficEvery = absl::Seconds(5);  // Like edge::TrafficReporter.
constexpr absl::Duration kTick = absl::Milliseconds(100);   // Like edge::RelayLoop.
constexpr absl::Duration kExchangeTick = absl::Seconds(1);  // Like edge::LocationLoop.

}  // namespace

Edge::Edge(const Surroundings& around, NodeId node, Epoch epoch,
           const edge::Switchboard::Options& options)
    : around_(around),
      node_(node),
      epoch_(epoch),
      options_([&] {
        edge::Switchboard::Options all = options;
        all.is_edge = [around](NodeId peer) { return around.hosts->IsEdge(peer); };
        return all;
      }()),
      exchange_({.self = node, .epoch = epoch, .is_edge = options_.is_edge}, &directory_),
      switchboard_(node, epoch, options_),
      links_(around, this, /*seed=*/epoch * 1000 + node),
      clients_(around, this),
      attach_(around, this) {}

void Edge::Start() {
  around_.history->Note("edge ", node_, " starts, epoch ", epoch_);
  attach_.Start();
  around_.events->After(around_.dice->Between(absl::ZeroDuration(), kTick),
                        Guard([this] { Tick(); }));
}

void Edge::Tick() {
  const absl::Duration now = around_.events->now();
  switchboard_.OnTimer(now);
  Work();
  links_.OnTick(now);
  clients_.OnTick();
  if (now >= next_traffic_) {
    next_traffic_ = now + kTrafficEvery;
    v1::FromNode message;
    *message.mutable_traffic() = clients_.TakeTraffic();
    if (message.traffic().talkers_size() > 0) attach_.Send(std::move(message));
  }
  if (now >= next_exchange_tick_) {
    next_exchange_tick_ = now + kExchangeTick;
    exchange_.OnTick(now);
    CarryOutLocations();
  }
  around_.events->After(kTick, Guard([this] { Tick(); }));
}

void Edge::Kick() {
  if (std::exchange(kicked_, true)) return;
  const absl::Duration wait = around_.dice->Between(absl::Microseconds(1), absl::Microseconds(200));
  around_.events->After(wait, Guard([this] {
                          kicked_ = false;
                          Work();
                        }));
}

void Edge::Work() {
  const absl::Duration now = around_.events->now();
  CarryOut(switchboard_.Take(now));
  if (++turns_ % kTurnsPerCheck == 0) CheckBounds();
  if (const absl::Duration next = switchboard_.NextTake(); next < absl::InfiniteDuration()) {
    around_.events->After(next - now, Guard([this] { Kick(); }));
  }
}

void Edge::CarryOut(edge::Switchboard::Output output) {
  // The cores keep hash tables. Sorting makes the history depend on the seed alone.
  std::sort(output.frames.begin(), output.frames.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::sort(output.answers.begin(), output.answers.end(),
            [](const auto& a, const auto& b) { return a.message < b.message; });
  for (auto& [link, frame] : output.frames) links_.SendFrame(link, std::move(frame));
  clients_.OnDeliveries(std::move(output.deliveries));
  clients_.OnAnswers(output.answers);
  std::sort(output.dead_links.begin(), output.dead_links.end());
  for (const edge::LinkId link : output.dead_links) links_.OnDeadLink(link);
  if (output.links_changed) links_.OnLinksChanged();
  if (output.locations_taken.empty()) return;
  for (const NodeId peer : output.locations_taken) exchange_.OnLinkReady(peer);
  CarryOutLocations();
}

void Edge::CarryOutLocations() {
  edge::LocationExchange::Output output = exchange_.Take();
  for (const std::string& complaint : output.complaints) {
    around_.history->Note("edge ", node_, " complains: ", complaint);
  }
  for (v1::FromNode& message : output.to_mgmt) attach_.Send(std::move(message));
  switchboard_.OnEpochHints(output.starts, around_.events->now());
  for (auto& [peer, payload] : output.to_links) {
    switchboard_.SetLocations(peer, std::move(payload));
  }
  if (!output.to_links.empty() || !output.starts.empty()) Kick();
}

void Edge::CheckBounds() {
  const edge::Switchboard::Waiting waiting = switchboard_.DeepestQueues();
  // An empty queue takes one message or segment of any size.
  if (waiting.channel_count > options_.channel.count_max) {
    around_.history->Broken("edge ", node_, " keeps ", waiting.channel_count, " envelopes");
  }
  if (waiting.channel_bytes > options_.channel.bytes_max) {
    around_.history->Broken("edge ", node_, " keeps ", waiting.channel_bytes, " bytes to send");
  }
  if (waiting.forward_bytes > options_.forward_bytes_max) {
    around_.history->Broken("edge ", node_, " keeps ", waiting.forward_bytes, " bytes of others");
  }
}

}  // namespace convergia::sim
