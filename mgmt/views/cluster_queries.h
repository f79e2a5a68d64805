#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "convergia/v1/admin.pb.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/cluster/cluster_state.h"

// Queries of clients and operators about the cluster, as functions over its present state.
namespace convergia::mgmt {

// What a client needs to know of an edge.
struct MainServer {
  std::string name;
  std::string address;
  std::string pin;
  std::string state;  // alive, suspect or draining.
};

// The edges that are not offline and take clients, by number.
std::vector<MainServer> ListMainServers(const ClusterState& state);

// A client's measurement of one main server.
struct ProbeReport {
  std::string name;
  std::optional<uint32_t> rtt_us;  // nullopt: not reached.
};

// `rows` is name TAB rtt_us, or name TAB "unreachable", a row each.
//
// Errors: FailCode::kBadField.
absl::StatusOr<std::vector<ProbeReport>> ParseProbeReports(absl::string_view rows);

// At most three edges for this client of `user`, best first. Counts the client as sent to the
// first, and remembers which edges it reaches.
//
// Errors: FailCode::kUnavailable: it reached no edge that takes clients now.
absl::StatusOr<std::vector<MainServer>> Assign(absl::string_view user,
                                               const std::vector<ProbeReport>& reports,
                                               absl::Duration now, ClusterState* state);

// `edge` must be one of UsableEdges().
MainServer DescribeMainServer(const ClusterState& state, NodeId edge);

// Errors: FailCode::kDenied: no main server of that name has this key.
absl::Status CheckKey(const ClusterState& state, absl::string_view name, absl::string_view pin);

// The times of mgmt's two clocks at one moment.
struct Moment {
  absl::Time now;
  absl::Duration elapsed;
};
std::vector<v1::Node> ListNodes(const ClusterState& state, const Moment& moment);
v1::GetClusterMapResponse GetClusterMap(const ClusterState& state, const Moment& moment);

// The name of a node, also if it is no longer enrolled.
std::string NameOf(const ClusterState& state, NodeId node);

// The account, with the edges where its user is signed in.
v1::Account DescribeAccount(const ClusterState& state, const Account& account);

}  // namespace convergia::mgmt
