#include "edge/mgmt_link.h"

#include <glog/logging.h>

#include <string>
#include <utility>

namespace convergia::edge {
namespace {

Hops HopsOf(const v1::Route& route) { return Hops(route.hops().begin(), route.hops().end()); }

}  // namespace

void MgmtLink::TakeKeys(const v1::Welcome& welcome) {
  const std::vector<std::string> keys(welcome.ticket_public_keys().begin(),
                                      welcome.ticket_public_keys().end());
  const absl::Status taken = rooms_.authenticator->ReplaceKeys(keys);
  LOG_IF(ERROR, !taken.ok()) << "tickets stay checked with the old keys: " << taken;
}

void MgmtLink::OnRestored(const v1::Welcome& welcome, const v1::Revocations& revocations) {
  TakeKeys(welcome);
  rooms_.revoked->Apply(revocations, rooms_.clock->Now());
}

void MgmtLink::OnAttached(const v1::Welcome& welcome) {
  LOG(INFO) << "attached to mgmt as node " << welcome.node_id();
  TakeKeys(welcome);
  node_id_ = welcome.node_id();
  if (!welcomed_.HasBeenNotified()) welcomed_.Notify();
  resync_asked_ = false;
  rooms_.locations->OnAttached();
  rooms_.map_watch->OnAttached();
  v1::FromNode message;
  {
    absl::MutexLock lock(&mu_);
    *message.mutable_links() = links_;
  }
  callbacks_.send(std::move(message));
}

void MgmtLink::OnDetached() {
  LOG(WARNING) << "mgmt is gone; messages go on, and tickets are still good";
  rooms_.directory->OnDetached();
  rooms_.map_watch->OnDetached();
}

void MgmtLink::OnMessage(v1::ToNode& message) {
  switch (message.kind_case()) {
    case v1::ToNode::kEdges:
      return OnEdges(message.edges());
    case v1::ToNode::kDirectory:
      return OnDirectory(message.directory());
    case v1::ToNode::kRoutes:
      return OnRoutes(message.routes());
    case v1::ToNode::kRevocations:
      return OnRevocations(message.revocations());
    case v1::ToNode::kDatamgr:
      return rooms_.data->SetDatamgr(message.datamgr().name(), message.datamgr().address());
    case v1::ToNode::kOrder:
      if (message.order().drain() && !std::exchange(drain_ordered_, true)) callbacks_.drain();
      return;
    case v1::ToNode::kWelcome:  // The agent's.
    case v1::ToNode::kPins:
    case v1::ToNode::kConfiguration:  // Of data nodes.
    case v1::ToNode::kDataServers:
    case v1::ToNode::KIND_NOT_SET:
      return;
  }
}

void MgmtLink::OnEdges(const v1::Edges& edges) {
  std::vector<EdgePeer> peers;
  for (const v1::EdgeInfo& edge : edges.edges()) {
    peers.push_back({.node = edge.node_id(),
                     .name = edge.name(),
                     .epoch = edge.epoch(),
                     .addresses = {edge.grpc_addresses().begin(), edge.grpc_addresses().end()}});
  }
  rooms_.links->SetPeers(std::move(peers));
}

void MgmtLink::OnDirectory(const v1::DirectoryBatch& batch) {
  Directory& directory = *rooms_.directory;
  const Directory::Position position{batch.position().epoch(), batch.position().sequence()};
  switch (directory.Begin(position, batch.whole())) {
    case Directory::Step::kIgnore:
      return;
    case Directory::Step::kGap: {
      if (std::exchange(resync_asked_, true)) return;
      LOG(WARNING) << "missed a part of the directory after " << directory.position().sequence;
      v1::FromNode message;
      message.mutable_directory_resync()->set_epoch(directory.position().epoch);
      message.mutable_directory_resync()->set_sequence(directory.position().sequence);
      return callbacks_.send(std::move(message));
    }
    case Directory::Step::kApply:
      break;
  }
  resync_asked_ = false;
  for (const v1::UserLocation& user : batch.users()) {
    directory.Set(user.username(), {user.edges().data(), static_cast<size_t>(user.edges_size())});
  }
  for (const NodeId edge : batch.edges_gone()) directory.RemoveEdge(edge);
  directory.End(batch.more());
}

void MgmtLink::OnRoutes(const v1::Routes& routes) {
  std::vector<RouteTable::Pair> pairs;
  for (const v1::RoutePair& pair : routes.pairs()) {
    pairs.push_back({.destination = pair.destination(),
                     .best = HopsOf(pair.best()),
                     .second = HopsOf(pair.second())});
  }
  rooms_.loop->Post([pairs = std::move(pairs)](Switchboard& switchboard, absl::Duration) {
    switchboard.SetRoutes(pairs);
  });
}

void MgmtLink::OnRevocations(const v1::Revocations& revocations) {
  rooms_.revoked->Apply(revocations, rooms_.clock->Now());
  if (revocations.tickets().empty()) return;
  rooms_.router->ForEachSession([revoked = rooms_.revoked](lineserver::Session& session) {
    std::string reason;
    const lineserver::SignedIn& who = *session.signed_in();
    if (!revoked->IsRevoked(who.account, who.issued, &reason)) return;
    session.Close(FailCode::kDenied, reason.empty() ? "this session was ended" : reason);
  });
}

void MgmtLink::ReportLinks(const std::vector<Switchboard::LinkView>& links) {
  v1::FromNode message;
  for (const Switchboard::LinkView& link : links) {
    v1::LinkState* const state = message.mutable_links()->add_links();
    state->set_peer(link.peer);
    state->set_rtt_us(link.rtt_us);
    state->set_loss(link.loss);
  }
  message.mutable_links();  // None is news too.
  {
    absl::MutexLock lock(&mu_);
    links_ = message.links();
  }
  callbacks_.send(std::move(message));
}

void MgmtLink::FillHeartbeat(v1::Heartbeat* heartbeat) {
  heartbeat->set_sessions(static_cast<uint32_t>(rooms_.hub->size()));
  heartbeat->set_draining(draining_);
}

void MgmtLink::OnRenewed(const std::string& certificate_chain_pem) {
  callbacks_.renewed(certificate_chain_pem);
}

void MgmtLink::OnExpelled(const absl::Status& why) { callbacks_.expelled(why); }

}  // namespace convergia::edge
