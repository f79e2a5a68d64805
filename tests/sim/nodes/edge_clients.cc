#include "tests/sim/nodes/edge_clients.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "tests/sim/nodes/edge.h"
#include "tests/sim/nodes/rogue.h"

namespace convergia::sim {
namespace {

// The bytes that a message counts in traffic besides its body. With them the short bodies of the
// simulation weigh as much as messages that people write.
constexpr uint64_t kOverhead = 236;

}  // namespace

EdgeClients::EdgeClients(const Surroundings& around, Edge* edge)
    : around_(around),
      edge_(edge),
      hub_(&edge->directory(), limits::kSessionsPerUserMax),
      core_(&hub_, {.check = [this](const auto& question) { return Check(question); },
                    .overhead = kOverhead}) {
  hub_.set_self(edge->node());
}

SessionNumber EdgeClients::SignIn(const std::string& user) {
  if (handoff_.draining()) return 0;
  auto client = std::make_unique<Client>(Client{.user = Username::Parse(user).value()});
  const SessionNumber session = around_.ledger->OnSignIn(user, edge_->node());
  if (!hub_.Add(client->user, /*account=*/1, session, {.id = session}).ok()) {
    around_.ledger->OnSessionEnd(session);
    return 0;
  }
  client->sender = core_.OnSession(session, user);
  clients_[session] = std::move(client);
  edge_->attach().OnLocationsChanged();
  return session;
}

void EdgeClients::SignOut(SessionNumber session) {
  const auto found = clients_.find(session);
  if (found == clients_.end()) return;
  around_.history->Note(found->second->user.str(), " signs out of edge ", edge_->node(),
                        ", session ", session);
  hub_.Remove(found->second->user, session);
  handoff_.OnClosed(session);
  core_.OnSessionGone(found->second->sender);
  clients_.erase(found);
  CarryOut();
  around_.ledger->OnSessionEnd(session);
  edge_->attach().OnLocationsChanged();
}

void EdgeClients::SetSlow(SessionNumber session, bool slow) {
  const auto found = clients_.find(session);
  if (found != clients_.end()) found->second->slow = slow;
}

std::vector<SessionNumber> EdgeClients::sessions() const {
  std::vector<SessionNumber> sessions;
  for (const auto& [session, client] : clients_) sessions.push_back(session);
  return sessions;
}

MessageNumber EdgeClients::Send(SessionNumber session, const std::string& to) {
  const MessageNumber message = around_.ledger->OnSend(session, to);
  const std::string body = Ledger::BodyOf(message);
  const edge::MessageId id = core_.OnMessage(*clients_.at(session)->sender, to, body,
                                             /*time_ms=*/0, around_.events->now());
  pending_[id.slot] = {.message = message, .session = session};
  CarryOut();
  return message;
}

// Some checks answer later, like a check that needs time.
std::optional<absl::Status> EdgeClients::Check(const edge::MessageCore::Question& question) {
  if (around_.slow_check_one_in == 0 || !around_.dice->OneIn(around_.slow_check_one_in)) {
    return absl::OkStatus();
  }
  const absl::Duration wait = around_.dice->Between(absl::ZeroDuration(), absl::Seconds(2));
  around_.events->After(wait, edge_->Guard([this, id = question.message] {
    core_.OnCheckAnswered(id, absl::OkStatus(), around_.events->now());
    CarryOut();
  }));
  return std::nullopt;
}

void EdgeClients::CarryOut() {
  edge::MessageCore::Output output;
  for (core_.Take(&output); !output.empty(); core_.Take(&output)) {
    for (const auto& departure : output.departures) Depart(departure);
    for (const auto& answer : output.answers) Answer(answer);
    for (const edge::MessageId id : output.dropped) pending_.erase(id.slot);
    for (const auto& delivery : output.deliveries) {
      core_.OnResult(delivery.message,
                     Push(delivery.shards, delivery.envelope.from, delivery.envelope.body));
    }
    for (const auto& result : output.results) Report(result);
  }
}

void EdgeClients::Depart(const edge::MessageCore::Departure& departure) {
  for (const NodeId edge : departure.edges) {
    edge_->switchboard().Send(departure.message, edge,
                              {std::string(departure.from), std::string(departure.to),
                               departure.time_ms, std::string(departure.body)},
                              around_.events->now());
  }
  if (!departure.edges.empty()) edge_->Kick();
  if (departure.shards.empty()) return;
  core_.OnResult(departure.message, Push(departure.shards, departure.from, departure.body));
}

edge::RelayResult EdgeClients::Push(const edge::MessageCore::ShardLegs& legs,
                                    absl::string_view from, absl::string_view body) {
  edge::RelayResult result;
  for (const SessionNumber session : legs.front().sessions) {
    if (clients_.at(session)->slow) {
      result.fail = FailCode::kBusy;
      continue;
    }
    if (body != Rogue::kBody) around_.ledger->OnDelivered(session, from, body);
    ++result.sessions;
  }
  return result;
}

void EdgeClients::Answer(const edge::MessageCore::Answer& answer) {
  const Pending pending = pending_.at(answer.message.slot);
  pending_.erase(answer.message.slot);
  if (!clients_.contains(pending.session)) return;  // The session has ended.
  const std::optional<FailCode> fail =
      answer.sessions > 0 ? std::nullopt : std::optional(FailCodeOf(answer.failure));
  around_.ledger->OnAnswer(pending.message, answer.sessions, fail, pending.is_sure);
}

void EdgeClients::OnAnswers(const std::vector<edge::RelaySender::Answer>& answers) {
  for (const edge::RelaySender::Answer& answer : answers) {
    if (answer.result.fail == FailCode::kUnconfirmed) {
      pending_[answer.message.slot].is_sure = false;
    }
    if (!core_.OnResult(answer.message, answer.result)) {
      around_.history->Broken("edge ", edge_->node(), " answers a message once too often");
      return;
    }
    CarryOut();
  }
}

void EdgeClients::OnDeliveries(std::vector<edge::Switchboard::Delivery> deliveries) {
  for (edge::Switchboard::Delivery& delivery : deliveries) {
    const bool is_forged = delivery.envelope.body == Rogue::kBody;
    const std::string what = absl::StrCat(delivery.envelope.body, " of ", delivery.envelope.from);
    const uint64_t refused = core_.envelopes_refused();
    core_.OnArrival({delivery.origin, delivery.origin_epoch, delivery.sequence},
                    std::move(delivery.envelope), edge_->exchange().has_mgmt(),
                    around_.events->now());
    if (core_.envelopes_refused() > refused && !is_forged) {
      around_.history->Broken("edge ", edge_->node(), " refuses ", what, " from edge ",
                              delivery.origin, " as forged");
    }
    CarryOut();
  }
}

// Real shards answer a little later; so does this.
void EdgeClients::Report(const edge::MessageCore::ArrivalResult& result) {
  const absl::Duration wait = around_.dice->Between(absl::ZeroDuration(), absl::Microseconds(300));
  around_.events->After(wait, edge_->Guard([this, result] {
    const edge::ArrivalId& arrival = result.arrival;
    edge_->switchboard().OnResult(arrival.origin, arrival.origin_epoch, arrival.sequence,
                                  result.result);
    edge_->Kick();
  }));
}

v1::TrafficReport EdgeClients::TakeTraffic() {
  const edge::MessageCore::Traffic traffic = core_.TakeTraffic(/*talkers_max=*/SIZE_MAX);
  v1::TrafficReport report;
  report.set_bytes_within(traffic.bytes_within);
  report.set_bytes_across(traffic.bytes_across);
  for (const edge::MessageCore::Talker& from : traffic.talkers) {
    v1::Talker* const talker = report.add_talkers();
    talker->set_username(from.user);
    for (const edge::HeavyHitters::Peer& peer : from.peers) {
      talker->add_peers(peer.name);
      talker->add_bytes(peer.bytes);
    }
  }
  return report;
}

void EdgeClients::OnOrder(const v1::Order& order) {
  const absl::Duration now = around_.events->now();
  for (const v1::Move& move : order.moves()) {
    for (const edge::SessionRef& ref : hub_.FindHere(move.username())) {
      const SessionNumber session = ref.id;
      handoff_.Tell(session, move.username(), move.node_id());
      around_.history->Note(move.username(), " (session ", session, ") is told to go to edge ",
                            move.node_id());
      around_.events->After(around_.dice->Between(absl::ZeroDuration(), absl::Milliseconds(3)),
                            [hosts = around_.hosts, session, to = move.node_id()] {
                              hosts->OnUseMainServer(session, to);
                            });
    }
  }
  if (order.drain()) handoff_.Drain(absl::Milliseconds(order.drain_ms()), now);
  if (order.undrain()) handoff_.Undrain();
  if (order.drain() || order.undrain()) edge_->attach().Beat();
}

void EdgeClients::FillHeartbeat(v1::Heartbeat* heartbeat) const {
  heartbeat->set_sessions(hub_.size());
  heartbeat->set_draining(handoff_.draining());
  if (!handoff_.draining()) return;
  heartbeat->set_drain_left_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(handoff_.Left(around_.events->now()))));
}

void EdgeClients::End(SessionNumber session) {
  SignOut(session);
  around_.hosts->OnSessionClosed(session);
}

void EdgeClients::Quit(SessionNumber session) {
  if (clients_.contains(session) && !handoff_.HoldsQuit(session, around_.events->now())) {
    End(session);
  }
}

void EdgeClients::OnTick() {
  core_.OnTick(around_.events->now());
  CarryOut();
  const auto is_at = [this](const std::string& user, NodeId edge) {
    const edge::Places places = edge_->directory().Find(user);
    return std::count(places.begin(), places.end(), edge) > 0;
  };
  const edge::SessionHandoff::Due due = handoff_.Tick(is_at, around_.events->now());
  for (const SessionNumber session : due.released) End(session);
  if (!due.bye) return;
  around_.history->Note("edge ", edge_->node(), " says BYE to those who stayed");
  for (const SessionNumber session : sessions()) End(session);
}

}  // namespace convergia::sim
