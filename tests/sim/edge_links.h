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
#include "tests/sim/world_parts.h"

namespace convergia::sim {

// What edge::PeerLinks is to the real edge: dials, takes calls, carries frames over wires.
class EdgeLinks {
 public:
  EdgeLinks(const Surroundings& around, Edge* edge, uint64_t seed);

  // All other edges, as mgmt says; `is_fresh`: now, and not before this start.
  void SetPeers(const v1::Edges& edges, bool is_fresh);
  void OnTick(absl::Duration now);

  // What the switchboard wants.
  void SendFrame(edge::LinkId link, v1::Frame frame);
  void OnDeadLink(edge::LinkId link) { Close(link); }
  void OnLinksChanged();

  // Beside what is right: `make` says what for each link.
  void Inject(const std::function<v1::Frame(NodeId peer)>& make);

  bool Knows(NodeId peer) const { return known_.contains(peer); }
  // Those that are up.
  const absl::flat_hash_set<NodeId>& up() const { return up_; }

 private:
  struct Stream {
    WireId wire = 0;
    NodeId peer = 0;
    std::weak_ptr<Edge> other;
    edge::LinkId remote = 0;  // The other's number for it.
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
  // That no edge is visited twice.
  void CheckWay(NodeId next, const v1::Segment& segment);

  const Surroundings around_;
  Edge* const edge_;
  edge::DialPlan plan_;
  std::map<edge::LinkId, Stream> streams_;
  std::map<edge::LinkId, absl::Duration> starting_;
  absl::flat_hash_set<NodeId> known_;  // By mgmt's word.
  absl::flat_hash_set<NodeId> up_;
  edge::LinkId last_link_ = 0;
  absl::Duration next_report_ = absl::ZeroDuration();
};

}  // namespace convergia::sim
