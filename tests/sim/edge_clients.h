#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/directory/sender_check.h"
#include "edge/messages/heavy_hitters.h"
#include "edge/messages/send_order.h"
#include "edge/relay/switchboard.h"
#include "edge/sessions/session_handoff.h"
#include "edge/sessions/session_hub.h"
#include "tests/sim/world_parts.h"

namespace convergia::sim {

// What edge::MessageShell is to the real edge: sessions, and their messages on their way out and
// in.
class EdgeClients {
 public:
  EdgeClients(const Surroundings& around, Edge* edge);

  // 0 if the edge does not want another one of this user.
  SessionNumber SignIn(const std::string& user);
  void SignOut(SessionNumber session);
  // Reads nothing until it is told otherwise: what comes is refused as BUSY.
  void SetSlow(SessionNumber session, bool slow);
  MessageNumber Send(SessionNumber session, const std::string& to);

  // ---- What edge::Relocator and edge::TrafficReporter are to the real edge.
  void OnOrder(const v1::Order& order);
  void OnAttached() { handoff_.OnAttached(); }
  void OnTick();
  void FillHeartbeat(v1::Heartbeat* heartbeat) const;
  // The client says QUIT; Hosts::OnSessionClosed() follows, at once or later.
  void Quit(SessionNumber session);
  v1::TrafficReport TakeTraffic();

  std::vector<SessionNumber> sessions() const;
  // For LocationReporter's part.
  edge::SessionHub<SessionNumber>& hub() { return hub_; }

  void OnDeliveries(std::vector<edge::Switchboard::Delivery> deliveries);
  void OnAnswers(const std::vector<edge::RelaySender::Answer>& answers);

 private:
  using Hub = edge::SessionHub<SessionNumber>;
  struct Client {
    Username user;
    bool slow = false;
    edge::SendOrder<MessageNumber> order;
    edge::HeavyHitters talks;
  };
  struct Request {
    MessageNumber message = 0;
    SessionNumber session = 0;
    std::string to;
    int legs = 0;
    edge::RelayResult sum;
    bool is_sure = true;
  };

  void End(SessionNumber session);
  void CountTalk(Client* client, const std::string& to, const Hub::Whereabouts& where);
  edge::Places PlacesOf(const Hub::Whereabouts& where) const;
  void Dispatch(SessionNumber session, const std::string& to, MessageNumber message,
                const Hub::Whereabouts& where);
  void DispatchHeld(SessionNumber session, const std::string& to);
  void Answer(SessionNumber session, MessageNumber message, const edge::RelayResult& sum,
              bool is_sure);
  template <typename Sessions>
  edge::RelayResult Push(const Sessions& sessions, const std::string& from,
                         const std::string& body);

  bool IsListed(NodeId edge, const std::string& user) const;
  bool IsPlausible(const edge::Switchboard::Delivery& delivery);

  const Surroundings around_;
  Edge* const edge_;
  edge::SenderCheck senders_;
  edge::SessionHandoff handoff_;
  uint64_t bytes_within_ = 0;
  uint64_t bytes_across_ = 0;
  Hub hub_;
  std::map<SessionNumber, std::unique_ptr<Client>> clients_;
  std::map<edge::RelaySender::Token, Request> requests_;
  edge::RelaySender::Token last_token_ = 0;
};

}  // namespace convergia::sim
