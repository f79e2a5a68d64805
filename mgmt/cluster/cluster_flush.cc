// The part of Cluster that turns what has gathered into messages.

#include <algorithm>
#include <utility>

#include "mgmt/cluster/cluster.h"
#include "mgmt/views/server_map.h"

namespace convergia::mgmt {
namespace {

constexpr int kRevocationsOfMessageMax = 5'000;  // Some 1 MB.

}  // namespace

ClusterActions Cluster::Flush(absl::Duration now) {
  if (awaited_.empty()) {
    FlushEdges();
    FlushRoutes(now);
    FlushDirectory();
    TellNewEdges();
  }
  FlushDataServers();
  FlushMap(now);
  return std::exchange(actions_, {});
}

Cluster::Message Cluster::EdgesMessage() const {
  auto message = std::make_shared<v1::ToNode>();
  v1::Edges* edges = message->mutable_edges();
  for (const auto& [id, member] : state_.members) {
    const Liveness::Node* live = state_.liveness.Find(id);
    if (member.role != Role::kEdge || !state_.Reachable(id) || live->epoch == 0) continue;
    v1::EdgeInfo* edge = edges->add_edges();
    edge->set_node_id(id);
    edge->set_name(member.name);
    edge->set_epoch(live->epoch);
    if (!live->hello.addresses().grpc().empty()) {
      edge->add_grpc_addresses(live->hello.addresses().grpc());
    }
    for (const std::string& address : live->hello.grpc_addresses()) {
      if (address != live->hello.addresses().grpc()) edge->add_grpc_addresses(address);
    }
  }
  return message;
}

void Cluster::FlushEdges() {
  if (!std::exchange(edges_dirty_, false)) return;
  SendToEdges(EdgesMessage());
}

Cluster::Message Cluster::RoutesMessage(NodeId origin) const {
  auto message = std::make_shared<v1::ToNode>();
  *message->mutable_routes() = state_.routes.MessageFor(origin);
  return message;
}

void Cluster::FlushRoutes(absl::Duration now) {
  if (!routes_dirty_ && !times_dirty_) return;
  if (planned_at_ && now - *planned_at_ < (routes_dirty_ ? kReplanAfter : kReplanTimesAfter)) {
    return;
  }
  routes_dirty_ = times_dirty_ = false;
  planned_at_ = now;
  std::vector<Link> links = state_.links.Links();
  std::erase_if(links, [this](const Link& link) {
    return !state_.Reachable(link.a) || !state_.Reachable(link.b) || !state_.IsEdge(link.a) ||
           !state_.IsEdge(link.b);
  });
  const std::vector<NodeId> changed = state_.routes.Replace(links);
  for (auto& [id, stream] : streams_) {
    if (!stream.is_edge || !stream.knows_all) continue;
    if (!std::binary_search(changed.begin(), changed.end(), stream.node)) continue;
    Message message = RoutesMessage(stream.node);
    if (message->routes().version() == stream.routes_version) continue;
    stream.routes_version = message->routes().version();
    Send(id, std::move(message));
  }
}

void Cluster::FlushDirectory() {
  while (std::optional<v1::DirectoryBatch> batch = state_.directory.TakeBatch()) {
    auto message = std::make_shared<v1::ToNode>();
    *message->mutable_directory() = *std::move(batch);
    for (const auto& [id, stream] : streams_) {
      if (stream.follows) Send(id, message);
    }
  }
  for (std::string& user : state_.directory.TakeChangedUsers()) map_users_.insert(std::move(user));
}

std::vector<Cluster::Message> Cluster::RevocationsMessages() const {
  auto part = std::make_shared<v1::ToNode>();
  part->mutable_revocations()->set_whole(true);  // The first; the others add to it.
  std::vector<Message> messages = {part};
  for (const auto& [account, revocation] : revocations_) {
    if (part->revocations().tickets_size() >= kRevocationsOfMessageMax) {
      part = std::make_shared<v1::ToNode>();
      messages.push_back(part);
    }
    *part->mutable_revocations()->add_tickets() = revocation.row;
  }
  return messages;
}

bool Cluster::AskEdges(const std::vector<NodeId>& edges, v1::SessionsQuestion question,
                       absl::Duration now, SessionQueries::Done done) {
  std::set<NodeId> attached, silent;
  for (const NodeId edge : edges) (StreamOf(edge).has_value() ? attached : silent).insert(edge);
  const uint64_t query = session_queries_.Begin(attached, silent, now, std::move(done));
  if (query == 0) return false;
  question.set_query(query);
  auto message = std::make_shared<v1::ToNode>();
  *message->mutable_sessions_question() = std::move(question);
  for (const NodeId edge : attached) Send(*StreamOf(edge), message);
  return true;
}

bool Cluster::AskSessions(absl::string_view user, AccountId account, absl::Duration now,
                          SessionQueries::Done done) {
  v1::SessionsQuestion question;
  question.set_account_id(account);
  return AskEdges(state_.directory.EdgesOf(user), std::move(question), now, std::move(done));
}

bool Cluster::EndSession(NodeId edge, AccountId account, uint64_t session, absl::Duration now,
                         SessionQueries::Done done) {
  v1::SessionsQuestion question;
  question.set_account_id(account);
  question.set_end_session(session);
  return AskEdges({edge}, std::move(question), now, std::move(done));
}

void Cluster::TellNewEdges() {
  for (auto& [id, stream] : streams_) {
    if (!stream.is_edge || stream.knows_all) continue;
    stream.knows_all = true;
    Send(id, EdgesMessage());
    Message routes = RoutesMessage(stream.node);
    stream.routes_version = routes->routes().version();
    Send(id, std::move(routes));
    Check(id);
  }
}

Cluster::Message Cluster::DataServersMessage() const {
  auto message = std::make_shared<v1::ToNode>();
  v1::DataServers* servers = message->mutable_data_servers();
  for (const auto& [id, member] : state_.members) {
    if (member.role != Role::kDataserver || member.revoked) continue;
    v1::DataServerInfo* server = servers->add_servers();
    server->set_node_id(id);
    server->set_name(member.name);
    *server->mutable_configuration() = member.configuration;
  }
  return message;
}

Cluster::Message Cluster::DatamgrMessage() const {
  for (const auto& [id, member] : state_.members) {
    const Liveness::Node* const live = state_.liveness.Find(id);
    if (member.role != Role::kDatamgr || member.revoked || live == nullptr) continue;
    if (live->hello.addresses().grpc().empty()) continue;
    auto message = std::make_shared<v1::ToNode>();
    message->mutable_datamgr()->set_name(member.name);
    message->mutable_datamgr()->set_address(live->hello.addresses().grpc());
    return message;
  }
  return nullptr;
}

void Cluster::FlushDataServers() {
  if (!std::exchange(data_servers_dirty_, false)) return;
  const Message all = DataServersMessage();
  const Message datamgr = DatamgrMessage();
  for (auto& [id, stream] : streams_) {
    const Member& member = state_.members.at(stream.node);
    Message message = all;
    if (member.role == Role::kDataserver) {
      auto own = std::make_shared<v1::ToNode>();
      *own->mutable_configuration() = member.configuration;
      message = std::move(own);
    } else if (member.role == Role::kEdge) {
      if (datamgr == nullptr) continue;
      message = datamgr;
    } else if (member.role != Role::kDatamgr) {
      continue;
    }
    std::string bytes = message->SerializeAsString();
    if (bytes == stream.data_told) continue;
    stream.data_told = std::move(bytes);
    Send(id, std::move(message));
  }
}

std::vector<v1::ServerMapRow> Cluster::TakeChangedNodeRows() {
  std::vector<v1::ServerMapRow> rows;
  std::map<std::string, std::string> told;
  for (v1::ServerMapRow& row : ServerMap(state_, accounts_).AllNodes()) {
    std::string bytes = row.SerializeAsString();
    const auto before = map_nodes_.find(row.id());
    const bool same = before != map_nodes_.end() && before->second == bytes;
    told.emplace(row.id(), std::move(bytes));
    if (!same) rows.push_back(std::move(row));
  }
  for (const auto& [id, bytes] : map_nodes_) {
    if (told.contains(id)) continue;
    v1::ServerMapRow& row = rows.emplace_back();
    row.ParseFromString(bytes);
    row.set_online(false);
    row.set_removed(true);
    row.clear_connected();
  }
  map_nodes_ = std::move(told);
  return rows;
}

// With nobody there to be told, it costs nothing.
void Cluster::FlushMap(absl::Duration now) {
  if (!map_watched_) return map_users_.clear();
  if (!nodes_dirty_ && map_users_.empty()) return;
  if (map_told_at_ && now - *map_told_at_ < kMapTellAfter) return;
  map_told_at_ = now;
  if (std::exchange(nodes_dirty_, false)) actions_.map_rows = TakeChangedNodeRows();
  const ServerMap map(state_, accounts_);
  if (!options_.hide_clients) {
    for (const std::string& user : map_users_) {
      // One more than are told says enough.
      if (actions_.map_rows.size() > ServerMap::kChangesAtOnceMax) break;
      if (auto row = map.Client(user)) actions_.map_rows.push_back(*std::move(row));
    }
  }
  map_users_.clear();
}

}  // namespace convergia::mgmt
