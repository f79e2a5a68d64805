#include "mgmt/views/server_map.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kClientType = "client";

absl::string_view TypeOf(Role role) {
  switch (role) {
    case Role::kMgmt:
      return "managementserver";
    case Role::kEdge:
      return "mainserver";
    case Role::kDatamgr:
      return "datamanagementserver";
    default:
      return "dataserver";
  }
}

std::string NodeRowId(NodeId node) { return absl::StrCat("n", node); }
std::string ClientRowId(AccountId account) { return absl::StrCat("u", account); }

// Where a page continues.
struct Place {
  NodeId node = 0;
  AccountId account = 0;
  bool nodes_done = false;
};

absl::StatusOr<Place> ParseAfter(absl::string_view after) {
  Place place;
  if (after.empty()) return place;
  if (after.front() == 'n' && absl::SimpleAtoi(after.substr(1), &place.node)) return place;
  place.nodes_done = true;
  if (after.front() == 'u' && absl::SimpleAtoi(after.substr(1), &place.account)) return place;
  return Fail(FailCode::kBadField, "`after` is the id of a row of the map, such as n2 or u17");
}

}  // namespace

ServerMap::ServerMap(const ClusterState& state, const AccountStore& accounts)
    : state_(state), accounts_(accounts) {
  for (const auto& [id, node] : state.liveness.nodes()) {
    const auto member = state.members.find(id);
    if (!node.attached || member == state.members.end()) continue;
    if (member->second.role != Role::kDatamgr) continue;
    for (const NodeId other : node.load.connected()) {
      data_neighbours_.emplace_back(id, other);
      data_neighbours_.emplace_back(other, id);
    }
  }
  std::sort(data_neighbours_.begin(), data_neighbours_.end());
}

void ServerMap::AddDataNeighbours(const Member& member, v1::ServerMapRow* row) const {
  auto it = std::lower_bound(data_neighbours_.begin(), data_neighbours_.end(),
                             std::make_pair(member.node, NodeId{0}));
  for (; it != data_neighbours_.end() && it->first == member.node; ++it) {
    if (state_.Reachable(it->second)) row->add_connected(NodeRowId(it->second));
  }
}

v1::ServerMapRow ServerMap::NodeRow(const Member& member) const {
  v1::ServerMapRow row;
  row.set_id(NodeRowId(member.node));
  row.set_name(member.name);
  row.set_type(std::string(TypeOf(member.role)));
  const Liveness::Node* node = state_.liveness.Find(member.node);
  if (member.node == state_.self) {
    row.set_online(true);
    for (const auto& [id, other] : state_.liveness.nodes()) {
      if (other.attached && state_.Reachable(id)) row.add_connected(NodeRowId(id));
    }
    return row;
  }
  row.set_online(state_.Reachable(member.node));
  if (member.revoked) row.set_notes("revoked");
  if (!row.online() || node == nullptr) return row;
  if (node->state == LiveState::kSuspect) row.set_notes("not heard from");
  if (node->load.draining()) row.set_notes("draining");
  if (node->attached) row.add_connected(NodeRowId(state_.self));
  for (const NodeId neighbour : state_.links.NeighboursOf(member.node)) {
    if (state_.Reachable(neighbour)) row.add_connected(NodeRowId(neighbour));
  }
  AddDataNeighbours(member, &row);
  return row;
}

v1::ServerMapRow ServerMap::ClientRow(const Account& account) const {
  v1::ServerMapRow row;
  row.set_id(ClientRowId(account.id));
  row.set_name(account.user.str());
  row.set_type(std::string(kClientType));
  for (const NodeId edge : state_.directory.EdgesOf(account.user.str())) {
    row.add_connected(NodeRowId(edge));
  }
  row.set_online(row.connected_size() > 0);
  return row;
}

absl::StatusOr<std::vector<v1::ServerMapRow>> ServerMap::Page(
    absl::string_view after, int limit, std::optional<Username> only_client) const {
  CVG_ASSIGN_OR_RETURN(const Place place, ParseAfter(after));
  std::vector<v1::ServerMapRow> rows;
  size_t bytes = 0;
  const auto add = [&](v1::ServerMapRow row) {  // False once the page is full.
    bytes += row.ByteSizeLong();
    if (!rows.empty() && bytes > kPageBytesMax) return false;
    rows.push_back(std::move(row));
    return rows.size() < limit;
  };
  if (!place.nodes_done) {
    for (auto it = state_.members.upper_bound(place.node); it != state_.members.end(); ++it) {
      if (!add(NodeRow(it->second))) return rows;
    }
  }
  if (only_client.has_value()) {
    const std::optional<Account> account = accounts_.Find(*only_client);
    if (account && account->id > place.account) add(ClientRow(*account));
    return rows;
  }
  for (const Account& account : accounts_.ListById(place.account, limit)) {
    if (!add(ClientRow(account))) break;
  }
  return rows;
}

std::vector<v1::ServerMapRow> ServerMap::AllNodes() const {
  std::vector<v1::ServerMapRow> rows;
  for (const auto& [id, member] : state_.members) rows.push_back(NodeRow(member));
  return rows;
}

std::optional<v1::ServerMapRow> ServerMap::Client(absl::string_view user) const {
  const absl::StatusOr<Username> name = Username::Parse(user);
  if (!name.ok()) return std::nullopt;
  const std::optional<Account> account = accounts_.Find(*name);
  if (!account) return std::nullopt;
  return ClientRow(*account);
}

std::string MapRowsText(const std::vector<v1::ServerMapRow>& rows) {
  line::RowWriter writer;
  for (const v1::ServerMapRow& row : rows) {
    const absl::string_view status = row.removed()  ? "removed"
                                     : row.online() ? "online"
                                                    : "offline";
    writer.Add({row.id(), row.name(), row.type(), status, row.notes(),
                absl::StrJoin(row.connected(), ",")});
  }
  return writer.data();
}

}  // namespace convergia::mgmt
