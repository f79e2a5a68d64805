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

// What the state says to those who choose edges for people. Functions over one moment's state.
namespace convergia::mgmt {

// Whether `edge` takes no clients, by its own word or an operator's.
bool IsDraining(const ClusterState& state, NodeId edge);

// Edges that clients can be told of: not offline, and attached at least once since mgmt started,
// for only then is their address known. By number.
std::vector<NodeId> UsableEdges(const ClusterState& state);

// The same, with their sessions and those just sent there.
std::vector<EdgeLoad> LoadsOf(const ClusterState& state);

// The heaviest peers of `user` who are signed in.
std::vector<Pull> PullsOf(const ClusterState& state, absl::string_view user, absl::Duration now);

// Hops, and a little for round-trip time; much where there is no way.
double CostOfRoute(const ClusterState& state, NodeId from, NodeId to);

// Takes in what `edge` reports. What it says of users who are not there, and what is no name, is
// ignored; returns how many of its talkers were.
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
