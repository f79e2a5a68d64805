#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "common/base/ids.h"
#include "convergia/v1/types.pb.h"
#include "mgmt/assignment/decaying_sum.h"
#include "mgmt/assignment/reachability.h"
#include "mgmt/assignment/rebalancer.h"
#include "mgmt/assignment/traffic_graph.h"
#include "mgmt/cluster/directory.h"
#include "mgmt/cluster/liveness.h"
#include "mgmt/members/node_registry.h"
#include "mgmt/routing/link_map.h"
#include "mgmt/routing/route_planner.h"

namespace convergia::mgmt {

// Bytes that users of one edge sent, lately.
struct EdgeTraffic {
  DecayingSum within;
  DecayingSum across;
};

// Everything that mgmt knows about the cluster now. Cluster changes it; queries read it.
struct ClusterState {
  explicit ClusterState(Epoch start) : epoch(start), directory({.epoch = start}) {}

  const Epoch epoch;  // Of this start of mgmt.
  NodeId self = 0;
  v1::NodeAddresses self_addresses;
  std::string version;

  // Nodes only; operators have no number.
  absl::btree_map<NodeId, Member> members;
  Liveness liveness;
  LinkMap links;
  Directory directory;
  RoutePlanner routes;
  // Rows of link reports that were refused, by the edge that sent them.
  absl::flat_hash_map<NodeId, uint64_t> links_refused;
  // The same of traffic reports.
  absl::flat_hash_map<NodeId, uint64_t> talkers_refused;
  // Clients sent to an edge since it last reported its number of sessions.
  absl::flat_hash_map<NodeId, uint32_t> just_assigned;

  TrafficGraph traffic{{}};
  Reachability reach;
  absl::flat_hash_map<NodeId, EdgeTraffic> edge_traffic;
  Rebalancer::Counters moves;
  uint64_t drain_moves = 0;
  int moves_per_minute_max = 0;

  // True if the node is enrolled, not revoked, and not offline.
  bool Reachable(NodeId node) const {
    const auto member = members.find(node);
    return member != members.end() && !member->second.revoked &&
           liveness.StateOf(node) != LiveState::kOffline;
  }
  bool IsEdge(NodeId node) const {
    const auto member = members.find(node);
    return member != members.end() && member->second.role == Role::kEdge;
  }
};

}  // namespace convergia::mgmt
