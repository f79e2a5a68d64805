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

// What clients and operators ask about the cluster. Functions over one moment's state.
namespace convergia::mgmt {

// An edge as a client needs it.
struct MainServer {
  std::string name;
  std::string address;
  std::string pin;
  std::string state;  // alive, suspect or draining.
};

// Those that are not offline and take clients, by number.
std::vector<MainServer> ListMainServers(const ClusterState& state);

// What a client found when it tried a main server.
struct ProbeReport {
  std::string name;
  std::optional<uint32_t> rtt_us;  // nullopt: not reached.
};

// `rows` is name TAB rtt_us, or name TAB "unreachable", a row each.
//
// Errors: FailCode::kBadField.
absl::StatusOr<std::vector<ProbeReport>> ParseProbeReports(absl::string_view rows);

// At most three edges for this client of `user`, best first; counts it as sent to the first, and
// remembers what it reaches.
//
// Errors: FailCode::kUnavailable: it reached none that takes clients now.
absl::StatusOr<std::vector<MainServer>> Assign(absl::string_view user,
                                               const std::vector<ProbeReport>& reports,
                                               absl::Duration now, ClusterState* state);

// One that UsableEdges() names.
MainServer DescribeMainServer(const ClusterState& state, NodeId edge);

// Errors: FailCode::kDenied: no main server of that name has this key.
absl::Status CheckKey(const ClusterState& state, absl::string_view name, absl::string_view pin);

// mgmt's clocks, to tell when a node was heard.
struct Moment {
  absl::Time now;
  absl::Duration elapsed;
};
std::vector<v1::Node> ListNodes(const ClusterState& state, const Moment& moment);
v1::GetClusterMapResponse GetClusterMap(const ClusterState& state, const Moment& moment);

// Of a node, whether it is still enrolled or not.
std::string NameOf(const ClusterState& state, NodeId node);

// With the edges where they are.
v1::Account DescribeAccount(const ClusterState& state, const Account& account);

}  // namespace convergia::mgmt
