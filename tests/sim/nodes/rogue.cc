#include "tests/sim/nodes/rogue.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

NodeId Rogue::AnyEdge() {
  if (dice_.OneIn(8)) return static_cast<NodeId>(dice_.Below(1'000'000));  // Not an edge.
  return kFirstEdge + static_cast<NodeId>(dice_.Below(edges_));
}

uint64_t Rogue::AnyNumber() {
  switch (dice_.Below(4)) {
    case 0:
      return std::numeric_limits<uint64_t>::max() - dice_.Below(3);
    case 1:
      return dice_.Below(100'000);
    default:
      return dice_.Below(20);
  }
}

v1::Frame Rogue::MakeFrame(NodeId peer, Epoch peer_epoch) {
  v1::Frame frame;
  for (int left = dice_.Between(1, 3); left > 0; --left) {
    *frame.add_segments() = MakeSegment(peer, peer_epoch);
  }
  if (dice_.OneIn(4)) frame.set_pong(AnyNumber());
  if (dice_.OneIn(4)) frame.set_ping(AnyNumber());
  return frame;
}

v1::Segment Rogue::MakeSegment(NodeId peer, Epoch peer_epoch) {
  v1::Segment segment;
  segment.set_origin(self_);
  segment.set_origin_epoch(dice_.OneIn(8) ? 0 : epoch_);
  segment.set_destination(peer);
  segment.set_destination_epoch(dice_.OneIn(4) ? AnyNumber() : peer_epoch);
  segment.set_first_sequence(AnyNumber());
  segment.set_answered_below(AnyNumber());
  segment.set_acknowledged(AnyNumber());
  segment.set_first_result(AnyNumber());
  for (int left = dice_.Between(0, 3); left > 0; --left) {
    v1::Envelope* const envelope = segment.add_envelopes();
    envelope->set_from("nobody");
    envelope->set_to(dice_.OneIn(4) ? "no such\nname" : absl::StrCat("u", dice_.Below(20)));
    envelope->set_body(kBody);
  }
  for (int left = dice_.Between(0, 3); left > 0; --left) {
    v1::Result* const result = segment.add_results();
    result->set_sessions(static_cast<uint32_t>(AnyNumber()));
    if (dice_.OneIn(2)) result->set_fail_code("NOSUCHCODE");
  }
  if (!dice_.OneIn(3)) AddWay(peer, &segment);
  return segment;
}

void Rogue::AddWay(NodeId peer, v1::Segment* segment) {
  switch (dice_.Below(6)) {
    case 0:  // A loop.
      for (const NodeId hop : {AnyEdge(), peer, AnyEdge(), peer}) segment->add_route(hop);
      break;
    case 1:  // A route that is too long.
      for (int i = 0; i < 5 * limits::kRouteEdgesMax; ++i) segment->add_route(AnyEdge());
      break;
    case 2:  // An edge that is not the destination.
      segment->add_route(AnyEdge());
      break;
    case 3:  // From edges where it never was.
      for (int left = dice_.Between(1, 40); left > 0; --left) segment->add_visited(AnyEdge());
      break;
    case 4:  // A bounce of a segment that nobody sent.
      segment->set_bounced(true);
      segment->set_origin(dice_.OneIn(2) ? peer : AnyEdge());
      segment->set_destination(AnyEdge());
      segment->add_visited(AnyEdge());
      break;
    default: {  // A good route, with the wrong values from above.
      const NodeId to = AnyEdge();
      segment->add_route(to);
      segment->set_destination(to);
      break;
    }
  }
}

v1::FromNode Rogue::MakeReport() {
  v1::FromNode message;
  if (dice_.OneIn(3)) {
    v1::LocationChange* const change = message.mutable_locations()->add_changes();
    change->set_username(dice_.OneIn(2) ? "NO SUCH\nNAME" : "");
    change->set_sessions(static_cast<uint32_t>(AnyNumber()));
    return message;
  }
  if (dice_.OneIn(2)) {
    message.mutable_directory_resync()->set_epoch(AnyNumber());
    message.mutable_directory_resync()->set_sequence(AnyNumber());
    return message;
  }
  for (int left = dice_.Between(0, 10); left > 0; --left) {
    v1::LinkState* const link = message.mutable_links()->add_links();
    link->set_peer(dice_.OneIn(4) ? self_ : AnyEdge());
    link->set_rtt_us(dice_.OneIn(2) ? 0 : 3'600'000'000u);  // No time, or an hour.
    link->set_loss(dice_.OneIn(2) ? -1 : 1e300);
  }
  message.mutable_links();
  return message;
}

}  // namespace convergia::sim
