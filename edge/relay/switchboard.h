#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "convergia/v1/locations.pb.h"
#include "convergia/v1/relay.pb.h"
#include "edge/relay/channel/relay_channel.h"
#include "edge/relay/link_health.h"
#include "edge/relay/link_table.h"
#include "edge/relay/routes/forwarder.h"
#include "edge/relay/routes/route_table.h"
#include "edge/relay/segment_codec.h"

namespace convergia::edge {

// The core for everything between this edge and the others: the links that are up, the routes over
// them, a relay channel to each other edge, and segments of others that pass through.
//
// Events go in, then Take() returns the actions. A link carries one frame at a time: segments that
// come while a frame is written leave together in the next one, after OnDrained(). A frame costs as
// much as a hundred messages, so a busy link rests a little between two frames; a link that is not
// busy never rests.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class Switchboard {
 public:
  struct Options {
    RelaySender::Options channel;
    size_t frame_bytes_max = limits::kRelayFrameBytesMax;
    size_t forward_bytes_max = limits::kLinkQueueBytesMax;  // A link; then segments are dropped.
    size_t busy_items = 16;  // In one frame: then the link is busy, and rests so long.
    absl::Duration rest = absl::Milliseconds(1);
    // True if the cluster has an edge of this number, even if mgmt has not named it yet. Null: only
    // edges that mgmt named, and neighbours.
    std::function<bool(NodeId)> is_edge;
  };

  struct Delivery {
    NodeId origin = 0;
    Epoch origin_epoch = 0;
    uint64_t sequence = 0;
    Envelope envelope;
  };
  struct Output {
    std::vector<RelaySender::Answer> answers;          // Of Send(), each once.
    std::vector<Delivery> deliveries;                  // OnResult() must follow for each.
    std::vector<std::pair<LinkId, v1::Frame>> frames;  // OnDrained() must follow for each.
    std::vector<LinkId> dead_links;                    // To be closed; out of the table already.
    std::vector<NodeId> locations_taken;               // SetLocations() may give the next.
    bool links_changed = false;                        // Links() has other peers than before.
    std::vector<std::string> warnings;                 // For the log; each kind once.
  };
  struct Counters {
    uint64_t frames_sent = 0;
    uint64_t items_sent = 0;  // Envelopes and results in them.
    uint64_t segments_forwarded = 0;
    uint64_t segments_bounced = 0;  // By us, for want of a link or of room.
    uint64_t segments_came_back = 0;
    uint64_t segments_dropped = 0;
    uint64_t ways_left = 0;         // For their silence.
    uint64_t segments_refused = 0;  // They could not be true.
    uint64_t routes_refused = 0;    // Of mgmt; likewise.
  };

  Switchboard(NodeId self, Epoch epoch, const Options& options)
      : self_(self), epoch_(epoch), options_(options), links_by_peer_(self), routes_(self) {}

  // Sends towards a user on `destination`. It may be answered UNROUTABLE or BUSY at once.
  void Send(MessageId message, NodeId destination, Envelope envelope, absl::Duration now);

  // The hello of a link has arrived. If the verdict names a replaced link, close that one.
  LinkTable::Verdict OnLinkUp(LinkId link, NodeId peer, Epoch peer_epoch, Dialled dialled,
                              absl::Duration now);
  void OnLinkDown(LinkId link, absl::Duration now);
  // Its last frame was written. `spare` is that frame, cleared, or any other: it is filled next.
  void OnDrained(LinkId link, v1::Frame spare = {});
  // A frame that came over `link`. Ignored if the link is not (or no longer) up.
  void OnFrame(LinkId link, ArrivingFrame frame, absl::Duration now);

  void OnResult(NodeId origin, Epoch origin_epoch, uint64_t sequence, const RelayResult& result);

  // From mgmt: the routes from this edge, and all edges with their epochs (0: not known now).
  void SetRoutes(const std::vector<RouteTable::Pair>& pairs);
  void RefuseRoutes();  // The message could not be decoded: the present routes stay.
  void SetEdges(const std::vector<std::pair<NodeId, Epoch>>& edges, absl::Duration now);

  // Epochs of edges as third edges report them; neither mgmt nor the edges themselves confirm them.
  void OnEpochHints(const std::vector<std::pair<NodeId, Epoch>>& hints, absl::Duration now);

  // Locations for a neighbour, to go with the next frame; at most one payload at a time. Dropped if
  // there is no link.
  void SetLocations(NodeId peer, v1::Locations payload);

  // Every 100 ms or so.
  void OnTimer(absl::Duration now);

  // The actions since the last call.
  Output Take(absl::Duration now);
  // When Take() must be called even without an event; InfiniteDuration(): never.
  absl::Duration NextTake() const { return next_take_; }

  // The end: answers everything that waits UNCONFIRMED, or UNROUTABLE if it never left.
  std::vector<RelaySender::Answer> Abandon();

  struct LinkView {
    NodeId peer = 0;
    uint32_t rtt_us = 0;
    double loss = 0;
  };
  std::vector<LinkView> Links(absl::Duration now) const;  // By peer, ascending.
  bool HasWay(NodeId destination, absl::Duration now) const;
  const Counters& counters() const { return counters_; }

  // The queues of the fullest channel and the fullest link; never above the bounds of Options.
  struct Waiting {
    size_t channel_count = 0;
    size_t channel_bytes = 0;
    size_t forward_bytes = 0;
  };
  Waiting DeepestQueues() const;

 private:
  struct Link {
    Link(NodeId peer, absl::Duration now) : peer(peer), health(now) {}
    NodeId peer = 0;
    LinkHealth health;
    bool writable = true;
    absl::Duration written_at = absl::ZeroDuration();   // When the last frame was.
    absl::Duration rests_until = absl::ZeroDuration();  // To let more gather.
    v1::Frame spare;
    uint64_t pong_due = 0;
    std::optional<v1::Locations> locations;
    std::deque<v1::Segment> forward;  // Of others, on their way through.
    size_t forward_bytes = 0;
  };
  struct Peer {
    Peer(Epoch own_epoch, const RelaySender::Options& options) : channel(own_epoch, options) {}
    RelayChannel channel;
    bool ready = false;         // It is in ready_.
    Hops hops;                  // The way last used; empty: none.
    LinkId link = 0;            // And its first link.
    uint64_t ways_version = 0;  // When that was looked up.
  };
  // A frame that is being filled.
  struct Filling {
    v1::Frame frame;
    size_t bytes = 0;
    size_t items = 0;  // Envelopes and results.
  };
  using Fillings = absl::btree_map<LinkId, Filling>;

  Peer& PeerOf(NodeId edge, absl::Duration now);
  void MarkReady(NodeId edge, Peer* peer);
  // Looks up the routes again of all peers that have something to send, in the order of their
  // numbers.
  void OnWaysChanged();
  bool LinkIsUp(NodeId peer) const { return links_by_peer_.Find(peer).has_value(); }
  // Looks up the route. If it has changed, unacknowledged envelopes are sent again.
  bool ChooseWay(NodeId edge, Peer* peer, absl::Duration now);
  // Takes another route, if there is one, because segments on the present one seem to vanish.
  void LeaveWay(NodeId edge, Peer* peer, absl::Duration now);
  // True if the first link of the route has not taken its frame for a long time.
  bool IsStuck(const Peer& peer, absl::Duration now) const;
  bool IsKnown(NodeId edge) const {
    return known_.contains(edge) || LinkIsUp(edge) || peers_.contains(edge) ||
           (options_.is_edge != nullptr && options_.is_edge(edge));
  }

  // Counts a segment that `from` handed on; the first is logged.
  void Refuse(NodeId from, absl::string_view why);
  void OnSegment(NodeId from, ArrivingSegment* segment, absl::Duration now);
  void OnArrived(NodeId from, const SegmentHeader& header, IncomingSegment content,
                 absl::Duration now);
  void OnCameBack(NodeId from, const SegmentHeader& header, absl::Duration now);
  void Forward(v1::Segment* segment, ForwardDecision decision);
  void Enqueue(NodeId next, v1::Segment segment);
  void CarryOut(NodeId origin, RelayChannel::Actions* actions);

  // The frame for `link`, with all in it that does not come from channels; null if it cannot be
  // written now.
  Filling* FillingFor(LinkId link, Fillings* fillings, absl::Duration now);
  void FillFromChannels(Fillings* fillings, absl::Duration now);
  void FillFromForward(Link* link, Filling* filling);
  void FillHeartbeat(Link* link, Filling* filling, absl::Duration now);
  void FillLocations(Link* link, Filling* filling);
  void Dispatch(LinkId link, Filling* filling, absl::Duration now);
  void AppendSegment(NodeId destination, Peer* peer, Filling* filling, absl::Duration now);

  const NodeId self_;
  const Epoch epoch_;
  const Options options_;
  LinkTable links_by_peer_;
  RouteTable routes_;
  absl::flat_hash_map<LinkId, std::unique_ptr<Link>> links_;
  absl::flat_hash_map<NodeId, std::unique_ptr<Peer>> peers_;
  absl::flat_hash_map<NodeId, Epoch> known_;
  uint64_t ways_version_ = 1;  // Grows whenever a way may have changed.
  // Links that may have something to write beside that: an edge with a thousand looks at few in a
  // turn.
  absl::btree_set<LinkId> due_;
  std::deque<NodeId> ready_;  // Peers whose channel may have something to send.
  Output output_;
  absl::Duration next_take_ = absl::InfiniteDuration();
  Counters counters_;
};

}  // namespace convergia::edge
