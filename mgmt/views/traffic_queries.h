#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/cluster.pb.h"
#include "mgmt/assignment/assignment.h"
#include "mgmt/assignment/rebalancer.h"
#include "mgmt/cluster/cluster_state.h"

// Queries for choosing edges for clients, as functions over the present state.
namespace convergia::mgmt {

// True if `edge` takes no clients: it says so itself, or an operator ordered it.
bool IsDraining(const ClusterState& state, NodeId edge);

// Edges to which clients can be sent, by number: not offline, and attached at least once since mgmt
// started, because only then is their address known.
std::vector<NodeId> UsableEdges(const ClusterState& state);

// The same, with their sessions, including clients who were just sent there.
std::vector<EdgeLoad> LoadsOf(const ClusterState& state);

// The heaviest peers of `user` who are signed in.
std::vector<Pull> PullsOf(const ClusterState& state, absl::string_view user, absl::Duration now);

// The number of hops plus a little for round-trip time; a large number if there is no route.
double CostOfRoute(const ClusterState& state, NodeId from, NodeId to);

// Takes the report of `edge`. Ignores talkers who are not there or whose names are invalid, and
// returns their number.
int TakeTraffic(NodeId edge, const v1::TrafficReport& report, absl::Duration now,
                ClusterState* state);

v1::GetTrafficResponse GetTraffic(const ClusterState& state, absl::Duration now);

// For the rebalancer; `state` must outlive it.
class StateView final : public PlacesView {
 public:
  explicit StateView(const ClusterState& state) : state_(state) {}
  Homes HomesOf(const std::string& user) const override;
  std::vector<std::string> UsersOn(NodeId edge) const override {
    return state_.directory.UsersOn(edge);
  }
  const Reachability::Reach* ReachOf(const std::string& user) const override;
  double CostOf(NodeId from, NodeId to) const override;

 private:
  const ClusterState& state_;
};

}  // namespace convergia::mgmt
