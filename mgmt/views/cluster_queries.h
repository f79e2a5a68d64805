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

// The facts about an edge that a client needs.
struct MainServer {
  std::string name;
  std::string address;  // "host:port", for clients.
  std::string pin;
  std::string state;  // alive, suspect or draining.
};

// The edges of UsableEdges() (traffic_queries.h), by number. Those that drain are among them.
std::vector<MainServer> ListMainServers(const ClusterState& state);

// A client's measurement of one main server. `name` is in lower case.
struct ProbeReport {
  std::string name;
  std::optional<uint32_t> rtt_us;  // nullopt: not reached.
};

// Reads the rows of REPORTMAINSERVERS. Each row is a name, TAB, and a time in microseconds or
// "unreachable". A time above 60 s counts as 60 s.
//
// Errors: FailCode::kBadField for another form, or more than 1,000 rows.
absl::StatusOr<std::vector<ProbeReport>> ParseProbeReports(absl::string_view rows);

// At most three edges for a client of `user`, best first, by its `reports`. Counts the client as
// sent to the first edge, and remembers which edges it reached and which it missed. Reports about
// unknown edges do no harm. If a name is there twice, its first report counts. `now` is
// Clock::Elapsed().
//
// Errors: FailCode::kUnavailable: the client reached no edge that takes clients now.
absl::StatusOr<std::vector<MainServer>> Assign(absl::string_view user,
                                               const std::vector<ProbeReport>& reports,
                                               absl::Duration now, ClusterState* state);

// `edge` must be one of UsableEdges().
MainServer DescribeMainServer(const ClusterState& state, NodeId edge);

// OK if a main server of this name has this key. Upper and lower case are alike.
//
// Errors: FailCode::kDenied: there is none, or it is revoked.
absl::Status CheckKey(const ClusterState& state, absl::string_view name, absl::string_view pin);

// The times of mgmt's two clocks at one moment.
struct Moment {
  absl::Time now;          // Clock::Now().
  absl::Duration elapsed;  // Clock::Elapsed().
};
// All nodes, also revoked ones, by number.
std::vector<v1::Node> ListNodes(const ClusterState& state, const Moment& moment);
// All nodes, at most kListedMax links, and totals.
v1::GetClusterMapResponse GetClusterMap(const ClusterState& state, const Moment& moment);

// The name of a node; "n7" if node 7 is no longer enrolled.
std::string NameOf(const ClusterState& state, NodeId node);

// The account, with the edges where its user is signed in.
v1::Account DescribeAccount(const ClusterState& state, const Account& account);

}  // namespace convergia::mgmt
