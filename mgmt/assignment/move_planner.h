#pragma once

#include <vector>

#include "absl/time/time.h"
#include "mgmt/assignment/drain_pacer.h"
#include "mgmt/assignment/rebalancer.h"
#include "mgmt/cluster/cluster_state.h"

namespace convergia::mgmt {

// Decides which users to send to another edge now: to be nearer to their peers, or because their
// edge drains. It reads the state; Cluster sends the orders. Not thread-safe.
class MovePlanner {
 public:
  // Between two decisions.
  static constexpr absl::Duration kDrainEvery = absl::Milliseconds(200);
  static constexpr absl::Duration kRebalanceEvery = absl::Seconds(1);
  static constexpr absl::Duration kSweepEvery = absl::Minutes(1);

  explicit MovePlanner(const Rebalancer::Options& options) : rebalancer_(options) {}

  struct Orders {
    std::vector<Rebalancer::Move> moves;
    std::vector<NodeId> nowhere;  // Draining edges, while no other edge takes clients.
  };
  // Call it every tick, once all edges have announced their users.
  Orders Tick(absl::Duration now, ClusterState* state);

 private:
  void Drain(absl::Duration now, ClusterState* state, Orders* orders);
  // The edge to which `user` goes from `from`; 0 if there is none.
  static NodeId Elsewhere(const std::string& user, NodeId from, int before,
                          const std::vector<EdgeLoad>& loads, absl::Duration now,
                          const ClusterState& state);

  Rebalancer rebalancer_;
  DrainPacer drainer_;
  absl::Duration drained_;
  absl::Duration rebalanced_;
  absl::Duration swept_;
};

}  // namespace convergia::mgmt
