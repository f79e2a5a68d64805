#include "edge/relay/switchboard.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "edge/relay/segment_codec.h"

namespace convergia::edge {
namespace {

// A segment's header, route and all, on the wire at most.
constexpr size_t kSegmentOverheadBytes = 256;
constexpr size_t kResultBytes = 8;
// As long as two retries take (relay_sender.h): nobody waits so long for a frame to be written but
// where nothing is read at the other end, or nothing arrives there.
constexpr absl::Duration kStuckAfter = absl::Seconds(3);

// Whether `hops` lead back as the other came.
bool IsReverse(const Hops& hops, const SegmentHeader& came) {
  return hops.size() == came.visited.size() + 1 && hops.back() == came.origin &&
         std::equal(came.visited.rbegin(), came.visited.rend(), hops.begin());
}

}  // namespace

Switchboard::Peer& Switchboard::PeerOf(NodeId edge, absl::Duration now) {
  std::unique_ptr<Peer>& peer = peers_[edge];
  if (peer == nullptr) {
    peer = std::make_unique<Peer>(epoch_, options_.channel);
    if (const auto known = known_.find(edge); known != known_.end()) {
      RelayChannel::Actions none;
      peer->channel.OnPeerEpoch(known->second, now, &none);
    }
  }
  return *peer;
}

void Switchboard::MarkReady(NodeId edge, Peer* peer) {
  if (peer->ready) return;
  peer->ready = true;
  ready_.push_back(edge);
}

void Switchboard::OnWaysChanged() {
  ++ways_version_;
  const size_t before = ready_.size();
  for (auto& [edge, peer] : peers_) {
    if (peer->channel.HasNext() || peer->channel.sender().waiting_count() > 0) {
      MarkReady(edge, peer.get());
    }
  }
  // Not as the hash table has them: the same events give the same frames.
  std::sort(ready_.begin() + static_cast<std::ptrdiff_t>(before), ready_.end());
}

Switchboard::Waiting Switchboard::DeepestQueues() const {
  Waiting deepest;
  for (const auto& [edge, peer] : peers_) {
    const RelaySender& sender = peer->channel.sender();
    deepest.channel_count = std::max(deepest.channel_count, sender.waiting_count());
    deepest.channel_bytes = std::max(deepest.channel_bytes, sender.waiting_bytes());
  }
  for (const auto& [id, link] : links_) {
    deepest.forward_bytes = std::max(deepest.forward_bytes, link->forward_bytes);
  }
  return deepest;
}

bool Switchboard::HasWay(NodeId destination, absl::Duration now) const {
  return routes_
      .Find(
          destination, [&](NodeId peer) { return LinkIsUp(peer); }, now)
      .has_value();
}

bool Switchboard::ChooseWay(NodeId edge, Peer* peer, absl::Duration now) {
  if (std::exchange(peer->ways_version, ways_version_) == ways_version_) return peer->link != 0;
  std::optional<Hops> hops = routes_.Find(
      edge, [&](NodeId next) { return LinkIsUp(next); }, now);
  const LinkId link = hops ? links_by_peer_.Find(hops->front()).value() : 0;
  if (!hops) hops.emplace();
  if (peer->hops == *hops && peer->link == link) return link != 0;
  peer->hops = *std::move(hops);
  peer->link = link;
  if (link != 0) peer->channel.Resend(now);
  return link != 0;
}

void Switchboard::LeaveWay(NodeId edge, Peer* peer, absl::Duration now) {
  peer->channel.ForgetSilence();
  if (peer->link == 0) return;
  ++counters_.ways_left;
  routes_.OnSilence(edge, peer->hops, now);
  peer->ways_version = 0;  // To be looked up again.
  MarkReady(edge, peer);
}

bool Switchboard::IsStuck(const Peer& peer, absl::Duration now) const {
  const auto link = links_.find(peer.link);
  return link != links_.end() && !link->second->writable &&
         now - link->second->written_at >= kStuckAfter;
}

void Switchboard::Send(MessageId message, NodeId destination, Envelope envelope,
                       absl::Duration now) {
  Peer& peer = PeerOf(destination, now);
  if (!ChooseWay(destination, &peer, now)) {
    output_.answers.push_back({message, {.fail = FailCode::kUnroutable}});
  } else if (!peer.channel.Offer(message, std::move(envelope), now)) {
    output_.answers.push_back({message, {.fail = FailCode::kBusy}});
  } else {
    MarkReady(destination, &peer);
  }
}

LinkTable::Verdict Switchboard::OnLinkUp(LinkId link, NodeId peer, Epoch peer_epoch,
                                         Dialled dialled, absl::Duration now) {
  const LinkTable::Verdict verdict = links_by_peer_.Offer(peer, peer_epoch, link, dialled);
  if (!verdict.admitted) return verdict;
  std::optional<v1::Locations> locations;
  if (verdict.replaced) {
    const auto replaced = links_.find(*verdict.replaced);
    if (replaced != links_.end()) {
      locations = std::move(replaced->second->locations);
      links_.erase(replaced);
    }
  }
  links_[link] = std::make_unique<Link>(peer, now);
  links_[link]->locations = std::move(locations);
  due_.insert(link);
  routes_.OnLinkUp(peer);
  output_.links_changed = true;
  RelayChannel::Actions actions;
  PeerOf(peer, now).channel.OnPeerEpoch(peer_epoch, now, &actions);
  CarryOut(peer, &actions);
  OnWaysChanged();
  return verdict;
}

void Switchboard::OnLinkDown(LinkId link, absl::Duration now) {
  links_.erase(link);  // With what waited to be forwarded: the origins' timers will notice.
  if (!links_by_peer_.Remove(link).has_value()) return;
  output_.links_changed = true;
  OnWaysChanged();
}

void Switchboard::OnDrained(LinkId link, v1::Frame spare) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  found->second->writable = true;
  due_.insert(link);
  found->second->spare = std::move(spare);
}

void Switchboard::OnFrame(LinkId link, ArrivingFrame frame, absl::Duration now) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  Link& over = *found->second;
  over.health.OnHeard(now);
  if (frame.ping != 0) {
    over.pong_due = frame.ping;
    due_.insert(link);
  }
  if (frame.pong != 0) {
    const bool first = over.health.rtt_us() == 0;
    over.health.OnPong(frame.pong, now);
    if (first) output_.links_changed = true;  // Now its round-trip time is known.
  }
  for (ArrivingSegment& segment : frame.segments) OnSegment(over.peer, &segment, now);
}

void Switchboard::OnSegment(NodeId from, ArrivingSegment* segment, absl::Duration now) {
  ForwardDecision decision =
      DecideForward(self_, from, segment->header, [&](NodeId peer) { return LinkIsUp(peer); });
  using What = ForwardDecision::What;
  switch (decision.what) {
    case What::kArrived:
      return OnArrived(from, decision.header, std::move(segment->content), now);
    case What::kCameBack:
      return OnCameBack(from, decision.header, now);
    case What::kForward:
      ++counters_.segments_forwarded;
      return Forward(&segment->passing, std::move(decision));
    case What::kBounce:
      ++counters_.segments_bounced;
      return Forward(&segment->passing, std::move(decision));
    case What::kDrop:
      ++counters_.segments_dropped;
      return;
    case What::kRefuse:
      return Refuse(from, decision.why);
  }
}

void Switchboard::Refuse(NodeId from, absl::string_view why) {
  if (counters_.segments_refused++ > 0) return;
  output_.warnings.push_back(absl::StrCat("node ", from, " handed on a segment that is refused: ",
                                          why, "; more of its kind are only counted"));
}

void Switchboard::Forward(v1::Segment* segment, ForwardDecision decision) {
  if (decision.what == ForwardDecision::What::kBounce) segment->clear_envelopes();
  WriteSegmentHeader(decision.header, segment);
  Enqueue(decision.next, std::move(*segment));
}

void Switchboard::Enqueue(NodeId next, v1::Segment segment) {
  const LinkId id = links_by_peer_.Find(next).value();
  Link& link = *links_.at(id);
  const size_t bytes = segment.ByteSizeLong();
  if (link.forward_bytes > 0 && link.forward_bytes + bytes > options_.forward_bytes_max) {
    ++counters_.segments_dropped;  // The origin's timer sends it again, when there may be room.
    return;
  }
  link.forward_bytes += bytes;
  link.forward.push_back(std::move(segment));
  due_.insert(id);
}

void Switchboard::OnArrived(NodeId from, const SegmentHeader& header, IncomingSegment content,
                            absl::Duration now) {
  const NodeId origin = header.origin;
  if (!IsKnown(origin)) return Refuse(from, "its origin is no edge");
  RelayChannel::Actions actions;
  Peer& peer = PeerOf(origin, now);
  peer.channel.OnSegment(std::move(content), now, &actions);
  CarryOut(origin, &actions);
  MarkReady(origin, &peer);
  routes_.OnArrival(origin, header.visited, now);
  if (peer.channel.WayIsSilent(!IsReverse(peer.hops, header))) LeaveWay(origin, &peer, now);
}

void Switchboard::OnCameBack(NodeId from, const SegmentHeader& header, absl::Duration now) {
  const auto found = peers_.find(header.destination);
  if (found == peers_.end()) return Refuse(from, "nothing was sent where it came back from");
  ++counters_.segments_came_back;
  Peer& peer = *found->second;
  const Hops& visited = header.visited;
  const bool is_current = peer.hops.size() >= visited.size() &&
                          std::equal(visited.begin(), visited.end(), peer.hops.begin());
  routes_.OnBounce(header.destination, visited, now);
  ++ways_version_;
  // One that bounced on a way given up since has been sent again already.
  if (is_current) MarkReady(header.destination, &peer);
}

void Switchboard::CarryOut(NodeId origin, RelayChannel::Actions* actions) {
  if (actions->refused) Refuse(origin, "it breaks the bounds of its channel");
  for (const RelaySender::Answer& answer : actions->answers) output_.answers.push_back(answer);
  output_.deliveries.reserve(output_.deliveries.size() + actions->deliveries.size());
  for (RelayReceiver::Delivery& delivery : actions->deliveries) {
    output_.deliveries.push_back(
        {origin, actions->delivery_epoch, delivery.sequence, std::move(delivery.envelope)});
  }
}

void Switchboard::OnResult(NodeId origin, Epoch origin_epoch, uint64_t sequence,
                           const RelayResult& result) {
  const auto found = peers_.find(origin);
  if (found == peers_.end()) return;
  found->second->channel.OnResult(origin_epoch, sequence, result);
  MarkReady(origin, found->second.get());
}

void Switchboard::SetRoutes(const std::vector<RouteTable::Pair>& pairs) {
  const int refused = routes_.Replace(pairs);
  for (int i = 0; i < refused; ++i) RefuseRoutes();
  OnWaysChanged();
}

void Switchboard::RefuseRoutes() {
  if (counters_.routes_refused++ > 0) return;
  output_.warnings.push_back("mgmt sent routes that lead nowhere; they are left out, and counted");
}

void Switchboard::SetEdges(const std::vector<std::pair<NodeId, Epoch>>& edges, absl::Duration now) {
  known_.clear();
  for (const auto& [edge, epoch] : edges) {
    if (edge == self_ || edge == 0) continue;
    known_[edge] = epoch;
    const auto found = peers_.find(edge);
    if (found == peers_.end()) continue;
    RelayChannel::Actions actions;
    found->second->channel.OnPeerEpoch(epoch, now, &actions);
    CarryOut(edge, &actions);
  }
}

void Switchboard::OnEpochHints(const std::vector<std::pair<NodeId, Epoch>>& hints,
                               absl::Duration now) {
  for (const auto& [edge, epoch] : hints) {
    const auto found = peers_.find(edge);
    if (found == peers_.end()) {
      // Not to be taken for known, should it be needed.
      if (const auto known = known_.find(edge); known != known_.end() && known->second < epoch) {
        known->second = 0;
      }
      continue;
    }
    found->second->channel.OnEpochHint(epoch, now);
    MarkReady(edge, found->second.get());
  }
}

void Switchboard::SetLocations(NodeId peer, v1::Locations payload) {
  const std::optional<LinkId> link = links_by_peer_.Find(peer);
  if (!link) return;
  links_.at(*link)->locations = std::move(payload);
  due_.insert(*link);
}

void Switchboard::OnTimer(absl::Duration now) {
  for (auto& [edge, peer] : peers_) {
    if (peer->channel.sender().waiting_count() == 0) continue;
    RelayChannel::Actions actions;
    peer->channel.OnTimer(now, &actions);
    CarryOut(edge, &actions);
    if (peer->channel.WayIsSilent(false) || IsStuck(*peer, now)) LeaveWay(edge, peer.get(), now);
  }
  OnWaysChanged();  // A bounce may have been long enough ago.
  std::vector<LinkId> dead;
  for (const auto& [link, state] : links_) {
    if (state->health.IsPingDue(now)) due_.insert(link);
    if (state->health.IsDead(now)) dead.push_back(link);
  }
  std::sort(dead.begin(), dead.end());
  for (LinkId link : dead) {
    OnLinkDown(link, now);
    output_.dead_links.push_back(link);
  }
}

Switchboard::Output Switchboard::Take(absl::Duration now) {
  next_take_ = absl::InfiniteDuration();
  Fillings fillings;
  for (const LinkId link : std::exchange(due_, {})) FillingFor(link, &fillings, now);
  FillFromChannels(&fillings, now);
  for (auto& [id, filling] : fillings) Dispatch(id, &filling, now);
  return std::exchange(output_, Output());
}

Switchboard::Filling* Switchboard::FillingFor(LinkId id, Fillings* fillings, absl::Duration now) {
  if (const auto begun = fillings->find(id); begun != fillings->end()) return &begun->second;
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->writable) return nullptr;  // OnDrained() follows.
  Link& link = *found->second;
  if (now < link.rests_until) {
    next_take_ = std::min(next_take_, link.rests_until);
    due_.insert(id);
    return nullptr;
  }
  Filling& filling = (*fillings)[id];
  filling.frame = std::move(link.spare);
  FillHeartbeat(&link, &filling, now);
  FillLocations(&link, &filling);
  FillFromForward(&link, &filling);
  return &filling;
}

void Switchboard::Dispatch(LinkId id, Filling* filling, absl::Duration now) {
  Link& link = *links_.at(id);
  if (filling->bytes == 0) {
    link.spare = std::move(filling->frame);
    return;
  }
  link.writable = false;
  link.written_at = now;
  const bool is_busy = filling->items >= options_.busy_items;
  const bool is_full = filling->bytes >= options_.frame_bytes_max / 2;
  if (is_busy && !is_full) link.rests_until = now + options_.rest;
  ++counters_.frames_sent;
  counters_.items_sent += filling->items;
  output_.frames.emplace_back(id, std::move(filling->frame));
}

void Switchboard::FillHeartbeat(Link* link, Filling* filling, absl::Duration now) {
  if (const uint64_t ping = link->health.TakePing(now)) {
    filling->frame.set_ping(ping);
    filling->bytes += sizeof(ping);
  }
  if (const uint64_t pong = std::exchange(link->pong_due, 0)) {
    filling->frame.set_pong(pong);
    filling->bytes += sizeof(pong);
  }
}

void Switchboard::FillLocations(Link* link, Filling* filling) {
  if (!link->locations) return;
  filling->bytes += link->locations->ByteSizeLong();
  *filling->frame.mutable_locations() = *std::exchange(link->locations, std::nullopt);
  output_.locations_taken.push_back(link->peer);
}

// At most half a frame, so that neither side of the traffic starves the other.
void Switchboard::FillFromForward(Link* link, Filling* filling) {
  while (!link->forward.empty() && filling->bytes < options_.frame_bytes_max / 2) {
    const v1::Segment& next = link->forward.front();
    const size_t bytes = next.ByteSizeLong();
    link->forward_bytes -= bytes;
    filling->items += next.envelopes_size() + next.results_size();
    filling->bytes += bytes;
    *filling->frame.add_segments() = std::move(link->forward.front());
    link->forward.pop_front();
  }
}

void Switchboard::FillFromChannels(Fillings* fillings, absl::Duration now) {
  for (size_t left = ready_.size(); left > 0; --left) {
    const NodeId edge = ready_.front();
    ready_.pop_front();
    Peer& peer = *peers_.at(edge);
    peer.ready = false;
    if (!ChooseWay(edge, &peer, now)) {
      RelayChannel::Actions actions;
      peer.channel.OnNoWay(&actions);
      CarryOut(edge, &actions);
      continue;
    }
    if (!peer.channel.HasNext()) continue;
    Filling* const filling = FillingFor(peer.link, fillings, now);
    if (filling != nullptr && filling->bytes < options_.frame_bytes_max) {
      AppendSegment(edge, &peer, filling, now);
    }
    if (peer.channel.HasNext()) MarkReady(edge, &peer);  // When its link has room again.
  }
}

void Switchboard::AppendSegment(NodeId destination, Peer* peer, Filling* filling,
                                absl::Duration now) {
  const OutgoingSegment segment =
      peer->channel.Next(options_.frame_bytes_max - filling->bytes, now);
  v1::Segment* const added = filling->frame.add_segments();
  WriteSegment(segment, added);
  WriteSegmentHeader({.origin = self_,
                      .destination = destination,
                      .route = Hops(peer->hops.begin() + 1, peer->hops.end())},
                     added);
  filling->items += segment.envelopes.size() + segment.results.size();
  filling->bytes += kSegmentOverheadBytes + segment.results.size() * kResultBytes;
  for (const Envelope* envelope : segment.envelopes) filling->bytes += envelope->bytes();
}

std::vector<RelaySender::Answer> Switchboard::Abandon() {
  for (auto& [edge, peer] : peers_) {
    RelayChannel::Actions actions;
    peer->channel.OnTimer(absl::InfiniteDuration(), &actions);
    CarryOut(edge, &actions);
  }
  return std::exchange(output_.answers, {});
}

std::vector<Switchboard::LinkView> Switchboard::Links(absl::Duration now) const {
  std::vector<LinkView> views;
  for (const NodeId peer : links_by_peer_.Peers()) {
    const Link& link = *links_.at(links_by_peer_.Find(peer).value());
    views.push_back({peer, link.health.rtt_us(), link.health.loss(now)});
  }
  return views;
}

}  // namespace convergia::edge
