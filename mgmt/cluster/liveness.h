#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

enum class LiveState { kOffline, kSuspect, kAlive };

// The liveness of each node. A node is alive while it is attached and sends. A silent or detached
// node is suspect. It is offline after limits::kOfflineAfter, or at once after MarkOffline(), when
// other edges cannot reach it either. Of two starts of one node the newer one counts.
//
// Times are Clock::Elapsed(). Only in memory. Not thread-safe.
class Liveness {
 public:
  struct Node {
    LiveState state = LiveState::kOffline;
    bool attached = false;
    Epoch epoch = 0;
    absl::Duration last_heard;
    v1::Hello hello;
    v1::Heartbeat load;
  };

  // Marks a node suspect that has not attached since mgmt started, but may be alive.
  void Expect(NodeId node, absl::Duration now);

  // Errors: kFailedPrecondition: a newer start of this node was seen.
  absl::Status Attach(NodeId node, const v1::Hello& hello, absl::Duration now);
  // Any message of the node has arrived.
  void Heard(NodeId node, absl::Duration now);
  void SetLoad(NodeId node, const v1::Heartbeat& load);
  void Detach(NodeId node, absl::Duration now);
  void MarkOffline(NodeId node);
  void Forget(NodeId node) { nodes_.erase(node); }

  // Updates states by the time; returns the nodes whose state changed.
  std::vector<NodeId> Tick(absl::Duration now);

  // Null if never seen.
  const Node* Find(NodeId node) const;
  LiveState StateOf(NodeId node) const;
  const absl::btree_map<NodeId, Node>& nodes() const { return nodes_; }

 private:
  absl::btree_map<NodeId, Node> nodes_;
};

v1::Liveness ToProto(LiveState state);

}  // namespace convergia::mgmt
