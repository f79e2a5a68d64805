#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/lineserver/line_server.h"
#include "common/node/node_agent.h"
#include "common/rpc/server.h"
#include "common/tls/context.h"
#include "edge/core/data_core.h"
#include "edge/core/people.h"
#include "edge/directory/directory.h"
#include "edge/directory/location_loop.h"
#include "edge/edge_config.h"
#include "edge/links/peer_links.h"
#include "edge/links/relay_service.h"
#include "edge/messages/mail_notifier.h"
#include "edge/messages/message_shell.h"
#include "edge/messages/traffic_reporter.h"
#include "edge/relay/relay_loop.h"
#include "edge/sessions/authenticator.h"
#include "edge/sessions/relocator.h"
#include "edge/upstream/data_client.h"
#include "edge/upstream/map_watch.h"
#include "edge/upstream/mgmt_client.h"
#include "edge/upstream/mgmt_link.h"

namespace convergia::edge {

// A main server: lines in, RPCs out, lines back. Wires the rooms together and does nothing else.
//
//   clients -- LineServer -- commands -- MessageShell -- SessionHub, Directory
//                                            |
//   other edges -- PeerLinks, RelayService -- RelayLoop
//   datamgr -- DataClient: all that is stored
//   mgmt -- NodeAgent -- MgmtLink -> all of them;  MgmtClient: what clients ask of mgmt
//
// Create() → Start() → Drain() → Stop().
class EdgeServer final : private lineserver::SessionObserver {
 public:
  // Called at most once, from any thread, when the cluster no longer has a place for this node.
  using OnExpelled = std::function<void(const absl::Status& why)>;

  // Reads the node's folder.
  static absl::StatusOr<std::unique_ptr<EdgeServer>> Create(const EdgeSettings& settings,
                                                            OnExpelled on_expelled);
  ~EdgeServer() override;  // Stop().

  // Enrols if this node is new, attaches to mgmt, and serves. A node that was attached before
  // serves also while mgmt is away. Blocks until clients are served; asks `cancelled` several times
  // a second while it waits.
  //
  // Errors: those of enrolment; kUnavailable for an address that is taken; kCancelled.
  absl::Status Start(const std::function<bool()>& cancelled);

  // Takes no new clients, and waits until mgmt has sent those who are here to other main servers,
  // as long as the settings say; at once if there is no mgmt or no other. Then says BYE to those
  // who are still here, lets what is under way be answered, and waits for that until
  // `bye_deadline`.
  void Drain(absl::Duration bye_deadline);

  // Ends everything and waits for it. Idempotent.
  void Stop();

  // "host:port" as bound. After Start().
  const std::string& grpc_address() const { return rpc_server_->address(); }
  const std::string& line_address() const { return line_address_; }

 private:
  EdgeServer(const EdgeSettings& settings, std::unique_ptr<node::NodeAgent> agent,
             OnExpelled on_expelled);

  absl::Status MakeLineServer();
  absl::Status MakeRpcServer();
  void MakeParts();
  // By the pins that mgmt said last.
  bool IsEdge(NodeId node) const;
  v1::Hello MakeHello() const;
  absl::Status AwaitNodeId(const std::function<bool()>& cancelled);
  void OnRenewed(const std::string& chain_pem);
  std::unique_ptr<RelayLoop> MakeRelayLoop();
  std::unique_ptr<DataClient> MakeDataClient();

  // lineserver::SessionObserver:
  absl::Status OnSignedIn(lineserver::Session& session) override;
  void OnClosed(lineserver::Session& session) override;
  bool HoldsQuit(lineserver::Session& session) override;

  // Constant after construction.
  const EdgeSettings settings_;
  const Clock& clock_ = RealClock::Get();
  const OnExpelled on_expelled_;
  const std::unique_ptr<node::NodeAgent> agent_;

  // In the order in which they need one another; made in Start().
  Directory directory_;
  RevokedTickets revoked_;
  lineserver::SessionList sessions_;
  EdgeSessionHub hub_;
  std::unique_ptr<MgmtClient> mgmt_;
  std::unique_ptr<EdgeAuthenticator> authenticator_;
  std::unique_ptr<MapWatch> map_watch_;
  std::unique_ptr<RelayLoop> loop_;
  std::unique_ptr<MessageShell> messages_;
  std::unique_ptr<rpc::HighestEpoch> datamgr_epochs_;
  std::unique_ptr<PeopleCore> people_;
  std::unique_ptr<DataClient> data_;
  std::unique_ptr<DataCore> data_core_;
  std::unique_ptr<MailNotifier> mail_notifier_;
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<Relocator> relocator_;
  std::unique_ptr<TrafficReporter> traffic_;
  std::unique_ptr<LocationLoop> locations_;
  std::unique_ptr<MgmtLink> mgmt_link_;
  std::unique_ptr<tls::TlsContext> tls_;
  std::unique_ptr<lineserver::CommandTable> commands_;
  std::unique_ptr<lineserver::LineServer> line_server_;
  std::unique_ptr<RelayService> relay_service_;
  std::unique_ptr<rpc::Server> rpc_server_;
  std::string line_address_;
};

}  // namespace convergia::edge
