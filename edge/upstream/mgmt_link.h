#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/lineserver/session_list.h"
#include "common/node/node_agent.h"
#include "edge/directory/location_loop.h"
#include "edge/links/peer_links.h"
#include "edge/messages/message_shell.h"
#include "edge/sessions/authenticator.h"
#include "edge/sessions/relocator.h"
#include "edge/upstream/data_client.h"
#include "edge/upstream/map_watch.h"

namespace convergia::edge {

// The edge's side of the attach stream. Hands each message of mgmt to the unit that it concerns.
// Reports links to mgmt: all of them after each attach, and again at each change. Makes
// LocationLoop report locations in the same way.
//
// The agent calls it as node::AttachHandler says. ReportLinks(), welcomed() and node_id() are
// thread-safe.
class MgmtLink final : public node::AttachHandler {
 public:
  struct Deps {  // All must outlive the agent's Stop().
    EdgeSessionHub* hub = nullptr;
    RelayLoop* loop = nullptr;
    PeerLinks* links = nullptr;
    MessageShell* messages = nullptr;
    EdgeAuthenticator* authenticator = nullptr;
    RevokedTickets* revoked = nullptr;
    lineserver::SessionList* sessions = nullptr;
    MapWatch* map_watch = nullptr;
    Relocator* relocator = nullptr;
    LocationLoop* locations = nullptr;
    DataClient* data = nullptr;
    const Clock* clock = nullptr;
  };
  struct Callbacks {
    std::function<void(v1::FromNode message)> send;
    std::function<void(const std::string& certificate_chain_pem)> renewed;
    std::function<void(const absl::Status& why)> expelled;
  };

  MgmtLink(const Deps& deps, Callbacks callbacks) : deps_(deps), callbacks_(std::move(callbacks)) {}

  // Notified at the first Welcome. From then on node_id() is known.
  const absl::Notification& welcomed() const { return welcomed_; }
  // The number of this node in the last Welcome. After welcomed().
  NodeId node_id() const { return node_id_; }

  // Reports `links`, all that are up now, and keeps them for the next attach.
  void ReportLinks(const std::vector<Switchboard::LinkView>& links) ABSL_LOCKS_EXCLUDED(mu_);

  // node::AttachHandler:
  void OnRestored(const v1::Welcome& welcome, const v1::Revocations& revocations) override;
  void OnAttached(const v1::Welcome& welcome) override;
  void OnMessage(v1::ToNode& message) override;
  void OnDetached() override;
  void FillHeartbeat(v1::Heartbeat* heartbeat) override;
  void OnRenewed(const std::string& certificate_chain_pem) override;
  void OnExpelled(const absl::Status& why) override;

 private:
  void TakeKeys(const google::protobuf::RepeatedPtrField<std::string>& pems);
  void OnEdges(const v1::Edges& edges);
  void OnRoutes(const v1::Routes& routes);
  void OnRevocations(const v1::Revocations& revocations);
  void OnSessionsQuestion(const v1::SessionsQuestion& question);

  const Deps deps_;
  const Callbacks callbacks_;
  absl::Notification welcomed_;
  std::atomic<NodeId> node_id_ = 0;
  std::atomic<bool> attached_ = false;  // While false, messages come from the disk.

  absl::Mutex mu_;
  v1::LinkReport links_ ABSL_GUARDED_BY(mu_);  // The last report.
};

}  // namespace convergia::edge
