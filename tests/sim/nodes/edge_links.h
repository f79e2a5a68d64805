#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/relay.pb.h"
#include "edge/links/dial_plan.h"
#include "edge/relay/link_table.h"
#include "edge/relay/switchboard.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// The edge's links, in place of edge::PeerLinks: dials, accepts, and carries frames over wires.
class EdgeLinks {
 public:
  EdgeLinks(const Surroundings& around, Edge* edge, uint64_t seed);

  // All other edges, from mgmt. `is_fresh`: mgmt said it to this start; otherwise it is from
  // memory.
  void SetPeers(const v1::Edges& edges, bool is_fresh);
  void OnTick(absl::Duration now);

  // The actions of the switchboard.
  void SendFrame(edge::LinkId link, v1::Frame frame);
  void OnDeadLink(edge::LinkId link) { Close(link); }
  void OnLinksChanged();

  // Sends a wrong frame on each link besides the right ones; `make` returns it.
  void Inject(const std::function<v1::Frame(NodeId peer)>& make);

  bool Knows(NodeId peer) const { return known_.contains(peer); }
  // The peers with a link that is up.
  const absl::flat_hash_set<NodeId>& up() const { return up_; }

 private:
  struct Stream {
    WireId wire = 0;
    NodeId peer = 0;
    std::weak_ptr<Edge> other;
    edge::LinkId remote = 0;  // The other end's number for it.
    edge::Dialled dialled = edge::Dialled::kByUs;
    bool greeted = false;
  };

  void Dial(NodeId peer);
  void OnReached(NodeId peer);
  void Keep(edge::LinkId link, Stream stream);
  void Carry(edge::LinkId link, v1::Frame frame);
  void OnFrame(edge::LinkId link, v1::Frame* frame);
  void Admit(edge::LinkId link, const v1::LinkHello& hello);
  void Close(edge::LinkId link);
  void OnClosed(edge::LinkId link);
  // Checks that a segment visits no edge twice.
  void CheckWay(NodeId next, const v1::Segment& segment);

  const Surroundings around_;
  Edge* const edge_;
  edge::DialPlan plan_;
  std::map<edge::LinkId, Stream> streams_;
  std::map<edge::LinkId, absl::Duration> starting_;
  absl::flat_hash_set<NodeId> known_;  // The edges that mgmt named.
  absl::flat_hash_set<NodeId> up_;
  edge::LinkId last_link_ = 0;
  absl::Duration next_report_ = absl::ZeroDuration();
};

}  // namespace convergia::sim
