#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/messages/message_core.h"
#include "edge/relay/switchboard.h"
#include "edge/sessions/session_handoff.h"
#include "edge/sessions/session_hub.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// The clients of one edge, with the real MessageCore. It stands in for edge::MessageShell, with one
// shard.
class EdgeClients {
 public:
  EdgeClients(const Surroundings& around, Edge* edge);

  // 0 if the edge refuses a further session of this user.
  SessionNumber SignIn(const std::string& user);
  void SignOut(SessionNumber session);
  // While slow, the client reads nothing, and messages to it are refused as BUSY.
  void SetSlow(SessionNumber session, bool slow);
  MessageNumber Send(SessionNumber session, const std::string& to);

  // ---- In place of edge::Relocator and edge::TrafficReporter.
  void OnOrder(const v1::Order& order);
  void OnAttached() { handoff_.OnAttached(); }
  void OnTick();
  void FillHeartbeat(v1::Heartbeat* heartbeat) const;
  // The client says QUIT. Hosts::OnSessionClosed() follows, at once or later.
  void Quit(SessionNumber session);
  v1::TrafficReport TakeTraffic();

  std::vector<SessionNumber> sessions() const;
  // For the reports of locations.
  edge::EdgeSessionHub& hub() { return hub_; }

  void OnDeliveries(std::vector<edge::Switchboard::Delivery> deliveries);
  void OnAnswers(const std::vector<edge::RelaySender::Answer>& answers);

 private:
  struct Client {
    Username user;
    edge::MessageCore::Sender* sender = nullptr;
    bool slow = false;
  };
  // A message that the core has not answered.
  struct Pending {
    MessageNumber message = 0;
    SessionNumber session = 0;
    bool is_sure = true;
  };

  void End(SessionNumber session);
  std::optional<absl::Status> Check(const edge::MessageCore::Question& question);
  void CarryOut();
  void Depart(const edge::MessageCore::Departure& departure);
  void Answer(const edge::MessageCore::Answer& answer);
  void Report(const edge::MessageCore::ArrivalResult& result);
  edge::RelayResult Push(const edge::MessageCore::ShardLegs& legs, absl::string_view from,
                         absl::string_view body);

  const Surroundings around_;
  Edge* const edge_;
  edge::SessionHandoff handoff_;
  edge::EdgeSessionHub hub_;
  edge::MessageCore core_;
  std::map<SessionNumber, std::unique_ptr<Client>> clients_;
  std::map<uint32_t, Pending> pending_;  // By the slot of MessageId.
};

}  // namespace convergia::sim
