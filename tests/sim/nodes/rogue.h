#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/relay.pb.h"
#include "tests/sim/network/event_queue.h"

namespace convergia::sim {

// The wrong messages of an enrolled edge that misbehaves: routes with loops or without end,
// impossible numbers, results of envelopes that were never sent, links that do not exist.
class Rogue {
 public:
  // The body of its messages, by which readers recognize them.
  static constexpr char kBody[] = "rogue";

  Rogue(Dice* dice, NodeId self, Epoch epoch, int edges)
      : dice_(*dice), self_(self), epoch_(epoch), edges_(edges) {}

  // A frame for its link to `peer`, which has the epoch `peer_epoch`.
  v1::Frame MakeFrame(NodeId peer, Epoch peer_epoch);
  // A report for mgmt.
  v1::FromNode MakeReport();

 private:
  v1::Segment MakeSegment(NodeId peer, Epoch peer_epoch);
  void AddWay(NodeId peer, v1::Segment* segment);
  NodeId AnyEdge();
  // A small number, one near the end of the range, or any.
  uint64_t AnyNumber();

  Dice& dice_;
  const NodeId self_;
  const Epoch epoch_;
  const int edges_;
};

}  // namespace convergia::sim
