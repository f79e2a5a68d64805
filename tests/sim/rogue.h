#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/relay.pb.h"
#include "tests/sim/event_queue.h"

namespace convergia::sim {

// What an edge that is enrolled and has gone wrong sends beside what it should: routes that loop or
// never end, numbers out of order, results of what was never sent, links that are not there.
class Rogue {
 public:
  // Its messages carry this, so that whoever reads them knows.
  static constexpr char kBody[] = "rogue";

  Rogue(Dice* dice, NodeId self, Epoch epoch, int edges)
      : dice_(*dice), self_(self), epoch_(epoch), edges_(edges) {}

  // For its link to `peer`, whose start is `peer_epoch`.
  v1::Frame MakeFrame(NodeId peer, Epoch peer_epoch);
  // For mgmt.
  v1::FromNode MakeReport();

 private:
  v1::Segment MakeSegment(NodeId peer, Epoch peer_epoch);
  void AddWay(NodeId peer, v1::Segment* segment);
  NodeId AnyEdge();
  // Small, near the end of its range, or anything.
  uint64_t AnyNumber();

  Dice& dice_;
  const NodeId self_;
  const Epoch epoch_;
  const int edges_;
};

}  // namespace convergia::sim
