#include "edge/upstream/mgmt_link.h"

#include <glog/logging.h>

#include <optional>
#include <string>
#include <utility>

#include "edge/upstream/mgmt_codec.h"

namespace convergia::edge {
void MgmtLink::TakeKeys(const google::protobuf::RepeatedPtrField<std::string>& pems) {
  const std::vector<std::string> keys(pems.begin(), pems.end());
  const absl::Status taken = deps_.authenticator->ReplaceKeys(keys);
  LOG_IF(ERROR, !taken.ok()) << "tickets stay checked with the old keys: " << taken;
}

void MgmtLink::OnRestored(const v1::Welcome& welcome, const v1::Revocations& revocations) {
  TakeKeys(welcome.ticket_public_keys());
  deps_.revoked->Apply(revocations, deps_.clock->Now());
}

void MgmtLink::OnAttached(const v1::Welcome& welcome) {
  LOG(INFO) << "attached to mgmt as node " << welcome.node_id();
  TakeKeys(welcome.ticket_public_keys());
  node_id_ = welcome.node_id();
  attached_ = true;
  if (!welcomed_.HasBeenNotified()) welcomed_.Notify();
  deps_.relocator->OnAttached();
  deps_.locations->OnAttached();
  deps_.map_watch->OnAttached();
  v1::FromNode message;
  {
    absl::MutexLock lock(&mu_);
    *message.mutable_links() = links_;
  }
  callbacks_.send(std::move(message));
}

void MgmtLink::OnDetached() {
  LOG(WARNING) << "mgmt is gone; messages go on, and tickets are still good";
  attached_ = false;
  deps_.locations->OnDetached();
  deps_.map_watch->OnDetached();
}

void MgmtLink::OnMessage(v1::ToNode& message) {
  switch (message.kind_case()) {
    case v1::ToNode::kEdges:
      return OnEdges(message.edges());
    case v1::ToNode::kDirectory:
      return deps_.locations->OnBatch(std::move(*message.mutable_directory()));
    case v1::ToNode::kDirectoryCheck:
      return deps_.locations->OnCheck();
    case v1::ToNode::kDirectoryBuckets:
      return deps_.locations->OnBuckets(std::move(*message.mutable_directory_buckets()));
    case v1::ToNode::kRoutes:
      return OnRoutes(message.routes());
    case v1::ToNode::kRevocations:
      return OnRevocations(message.revocations());
    case v1::ToNode::kSessionsQuestion:
      return OnSessionsQuestion(message.sessions_question());
    case v1::ToNode::kTicketKeys:
      return TakeKeys(message.ticket_keys().public_keys());
    case v1::ToNode::kDatamgr:
      return deps_.data->SetDatamgr(message.datamgr().name(), message.datamgr().address());
    case v1::ToNode::kOrder:
      return deps_.relocator->OnOrder(message.order());
    case v1::ToNode::kWelcome:  // The agent handles this and Pins.
    case v1::ToNode::kPins:
    case v1::ToNode::kConfiguration:  // For data nodes, like DataServers.
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
  deps_.links->SetPeers(std::move(peers), attached_);
}

void MgmtLink::OnRoutes(const v1::Routes& routes) {
  std::optional<std::vector<RouteTable::Pair>> pairs = UnpackRoutes(routes);
  deps_.loop->Post([pairs = std::move(pairs)](Switchboard& switchboard, absl::Duration) {
    pairs.has_value() ? switchboard.SetRoutes(*pairs) : switchboard.RefuseRoutes();
  });
}

void MgmtLink::OnRevocations(const v1::Revocations& revocations) {
  deps_.revoked->Apply(revocations, deps_.clock->Now());
  if (revocations.tickets().empty()) return;
  deps_.messages->ForEachSession([revoked = deps_.revoked](EdgeSession& session) {
    std::string reason;
    if (!revoked->IsRevoked(session.account(), session.generation(), &reason)) return;
    session.Close(FailCode::kDenied, reason.empty() ? "this session was ended" : reason);
  });
}

void MgmtLink::OnSessionsQuestion(const v1::SessionsQuestion& question) {
  v1::FromNode message;
  v1::SessionsAnswer* const answer = message.mutable_sessions();
  answer->set_query(question.query());
  if (question.end_session() != 0) {
    if (deps_.sessions->End(question.account_id(), question.end_session())) {
      answer->add_rows()->set_session(question.end_session());
    }
    return callbacks_.send(std::move(message));
  }
  for (const lineserver::SessionList::Row& session : deps_.sessions->List(question.account_id())) {
    v1::SessionRow* const row = answer->add_rows();
    row->set_session(session.session);
    row->set_address(session.address);
    row->set_since_ms(absl::ToUnixMillis(session.since));
  }
  callbacks_.send(std::move(message));
}

void MgmtLink::ReportLinks(const std::vector<Switchboard::LinkView>& links) {
  v1::FromNode message;
  *message.mutable_links() = PackLinks(links);  // An empty report is news too.
  {
    absl::MutexLock lock(&mu_);
    links_ = message.links();
  }
  callbacks_.send(std::move(message));
}

void MgmtLink::FillHeartbeat(v1::Heartbeat* heartbeat) {
  heartbeat->set_sessions(static_cast<uint32_t>(deps_.hub->size()));
  deps_.relocator->FillHeartbeat(heartbeat);
  const RelayLoop::Refused refused = deps_.loop->refused();
  heartbeat->set_segments_refused(refused.segments);
  heartbeat->set_routes_refused(refused.routes);
  heartbeat->set_envelopes_refused(deps_.messages->envelopes_refused());
}

void MgmtLink::OnRenewed(const std::string& certificate_chain_pem) {
  callbacks_.renewed(certificate_chain_pem);
}

void MgmtLink::OnExpelled(const absl::Status& why) { callbacks_.expelled(why); }

}  // namespace convergia::edge
