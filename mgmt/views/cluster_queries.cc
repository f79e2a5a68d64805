#include "mgmt/views/cluster_queries.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "common/rpc/auth/role_proto.h"
#include "mgmt/assignment/assignment.h"
#include "mgmt/views/link_lists.h"
#include "mgmt/views/traffic_queries.h"

namespace convergia::mgmt {
namespace {

constexpr int kEdgesOfferedMax = 3;
constexpr size_t kProbeReportsMax = 1'000;  // Far more edges than a client tries.
constexpr uint64_t kProbeUsMax = 60'000'000;
constexpr absl::string_view kUnreachable = "unreachable";

v1::Node DescribeNode(const ClusterState& state, const Member& member, const Moment& moment) {
  v1::Node node;
  node.set_node_id(member.node);
  node.set_name(member.name);
  node.set_role(rpc::RoleToProto(member.role));
  node.set_revoked(member.revoked);
  if (!member.keys.empty()) {
    node.set_certificate_expires_ms(absl::ToUnixMillis(member.keys.back().expires));
  }
  if (member.role == Role::kDataserver) *node.mutable_configuration() = member.configuration;
  if (member.node == state.self) {
    node.set_liveness(v1::LIVENESS_ALIVE);
    node.set_epoch(state.epoch);
    *node.mutable_addresses() = state.self_addresses;
    node.set_version(state.version);
    node.set_last_heard_ms(absl::ToUnixMillis(moment.now));
    return node;
  }
  node.set_liveness(ToProto(state.liveness.StateOf(member.node)));
  const auto refused = state.links_refused.find(member.node);
  if (refused != state.links_refused.end()) node.set_links_refused(refused->second);
  const auto talkers = state.talkers_refused.find(member.node);
  if (talkers != state.talkers_refused.end()) node.set_talkers_refused(talkers->second);
  const Directory::Refused locations = state.directory.refused(member.node);
  node.set_locations_refused(locations.reports);
  node.set_names_refused(locations.names);
  const Liveness::Node* live = state.liveness.Find(member.node);
  if (live == nullptr || live->epoch == 0) return node;
  node.set_epoch(live->epoch);
  *node.mutable_addresses() = live->hello.addresses();
  node.set_version(live->hello.version());
  node.set_draining(IsDraining(state, member.node));
  node.set_sessions(live->load.sessions());
  node.set_segments_refused(live->load.segments_refused());
  node.set_envelopes_refused(live->load.envelopes_refused());
  node.set_routes_refused(live->load.routes_refused());
  *node.mutable_connected() = live->load.connected();
  node.set_last_heard_ms(absl::ToUnixMillis(moment.now - (moment.elapsed - live->last_heard)));
  return node;
}

}  // namespace

std::string NameOf(const ClusterState& state, NodeId node) {
  const auto member = state.members.find(node);
  return member == state.members.end() ? absl::StrCat("n", node) : member->second.name;
}

MainServer DescribeMainServer(const ClusterState& state, NodeId id) {
  const Member& member = state.members.at(id);
  const Liveness::Node& live = *state.liveness.Find(id);
  return {.name = member.name,
          .address = live.hello.addresses().line(),
          .pin = member.keys.empty() ? "" : member.keys.back().pin,
          .state = IsDraining(state, id)               ? "draining"
                   : live.state == LiveState::kSuspect ? "suspect"
                                                       : "alive"};
}

std::vector<MainServer> ListMainServers(const ClusterState& state) {
  std::vector<MainServer> servers;
  for (const NodeId id : UsableEdges(state)) servers.push_back(DescribeMainServer(state, id));
  return servers;
}

absl::StatusOr<std::vector<ProbeReport>> ParseProbeReports(absl::string_view data) {
  std::vector<ProbeReport> reports;
  for (const std::vector<absl::string_view>& row : line::ParseRows(data)) {
    if (reports.size() >= kProbeReportsMax) {
      return Fail(FailCode::kBadField, absl::StrCat("report at most ", kProbeReportsMax, " rows"));
    }
    uint64_t rtt_us = 0;
    const bool reached = row.size() == 2 && row[1] != kUnreachable;
    if (row.size() != 2 || (reached && !absl::SimpleAtoi(row[1], &rtt_us))) {
      return Fail(FailCode::kBadField,
                  "each row is a name, TAB, and a time in microseconds or `unreachable`");
    }
    ProbeReport& report = reports.emplace_back();
    report.name = absl::AsciiStrToLower(row[0]);
    if (reached) report.rtt_us = static_cast<uint32_t>(std::min(rtt_us, kProbeUsMax));
  }
  return reports;
}

absl::StatusOr<std::vector<MainServer>> Assign(absl::string_view user,
                                               const std::vector<ProbeReport>& reports,
                                               absl::Duration now, ClusterState* state) {
  absl::flat_hash_map<absl::string_view, std::optional<uint32_t>> found;  // The first of each name.
  for (const ProbeReport& report : reports) found.emplace(report.name, report.rtt_us);
  Reachability::Reach reach;
  for (const NodeId id : UsableEdges(*state)) {
    const auto probed = found.find(state->members.at(id).name);
    if (probed == found.end()) continue;
    if (probed->second) {
      reach.reached.push_back({id, *probed->second});
    } else if (state->liveness.StateOf(id) == LiveState::kAlive) {
      reach.missed.push_back(id);
    }
  }
  const std::vector<Probe> probes = reach.reached;
  state->reach.Put(user, std::move(reach));
  const std::vector<NodeId> chosen = AssignEdges(
      LoadsOf(*state), probes, PullsOf(*state, user, now),
      [&](NodeId from, NodeId to) { return CostOfRoute(*state, from, to); }, kEdgesOfferedMax);
  if (chosen.empty()) {
    return Fail(FailCode::kUnavailable,
                "none of these main servers can be used now; ask LISTMAINSERVERS again in a few "
                "seconds, try them, and report what you find");
  }
  ++state->just_assigned[chosen.front()];
  std::vector<MainServer> servers;
  for (const NodeId id : chosen) servers.push_back(DescribeMainServer(*state, id));
  return servers;
}

absl::Status CheckKey(const ClusterState& state, absl::string_view name_text,
                      absl::string_view pin_text) {
  const std::string name = absl::AsciiStrToLower(name_text);
  const std::string pin = absl::AsciiStrToLower(pin_text);
  for (const auto& [id, member] : state.members) {
    if (member.role != Role::kEdge || member.revoked || member.name != name) continue;
    for (const Member::Key& key : member.keys) {
      if (key.pin == pin) return absl::OkStatus();
    }
  }
  return Fail(FailCode::kDenied,
              "no main server of this name has this key; do not use that connection, choose "
              "another main server");
}

std::vector<v1::Node> ListNodes(const ClusterState& state, const Moment& moment) {
  std::vector<v1::Node> nodes;
  for (const auto& [id, member] : state.members) {
    nodes.push_back(DescribeNode(state, member, moment));
  }
  return nodes;
}

v1::GetClusterMapResponse GetClusterMap(const ClusterState& state, const Moment& moment) {
  v1::GetClusterMapResponse map;
  for (v1::Node& node : ListNodes(state, moment)) *map.add_nodes() = std::move(node);
  v1::ListLinksRequest first;
  first.set_limit(kListedMax);
  *map.mutable_links() = std::move(*ListLinks(state, first)->mutable_links());
  map.set_links_total(state.links.ReportCount());
  map.set_routes_total(state.routes.CountRoutes());
  map.set_users_online(state.directory.users_online());
  map.set_mgmt_epoch(state.epoch);
  map.set_directory_sequence(state.directory.sequence());
  return map;
}

v1::Account DescribeAccount(const ClusterState& state, const Account& account) {
  v1::Account described;
  described.set_account_id(account.id);
  described.set_username(account.user.str());
  described.set_disabled(account.disabled);
  described.set_waiting(account.waiting);
  described.set_created_ms(absl::ToUnixMillis(account.created));
  for (const NodeId edge : state.directory.EdgesOf(account.user.str())) {
    described.add_edges(NameOf(state, edge));
  }
  return described;
}

}  // namespace convergia::mgmt
