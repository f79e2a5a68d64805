#include "tests/sim/edge_clients.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "tests/sim/edge.h"
#include "tests/sim/rogue.h"

namespace convergia::sim {
namespace {

// What a message counts for those who bring talkers together.
constexpr uint64_t kTalkBytes = 240;

// As edge::MessageShell's: reached is better than not known, and that than why not.
int Rank(const std::optional<FailCode>& fail) {
  if (!fail) return 0;
  switch (*fail) {
    case FailCode::kUnconfirmed:
      return 4;
    case FailCode::kBusy:
      return 3;
    case FailCode::kUnroutable:
      return 2;
    default:
      return 1;
  }
}

void Add(const edge::RelayResult& result, edge::RelayResult* sum) {
  sum->sessions += result.sessions;
  if (Rank(result.fail) > Rank(sum->fail)) sum->fail = result.fail;
}

}  // namespace

EdgeClients::EdgeClients(const Surroundings& around, Edge* edge)
    : around_(around), edge_(edge), hub_(&edge->directory(), limits::kSessionsPerUserMax) {
  hub_.set_self(edge->node());
}

SessionNumber EdgeClients::SignIn(const std::string& user) {
  if (handoff_.draining()) return 0;
  auto client = std::make_unique<Client>(Client{.user = Username::Parse(user).value()});
  const SessionNumber session = around_.ledger->OnSignIn(user, edge_->node());
  if (!hub_.Add(client->user, /*account=*/1, session, session).ok()) {
    around_.ledger->OnSessionEnd(session);
    return 0;
  }
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
  clients_.erase(found);
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

edge::Places EdgeClients::PlacesOf(const Hub::Whereabouts& where) const {
  edge::Places places = where.edges;
  if (!where.sessions.empty()) places.push_back(edge_->node());
  return places;
}

MessageNumber EdgeClients::Send(SessionNumber session, const std::string& to) {
  const MessageNumber message = around_.ledger->OnSend(session, to);
  const Hub::Whereabouts where = hub_.Find(to);
  edge::SendOrder<MessageNumber>& order = clients_.at(session)->order;
  if (where.sessions.empty() && where.edges.empty()) {
    Answer(session, message, {.fail = FailCode::kOffline}, true);
  } else if (order.MayLeave(to, PlacesOf(where))) {
    Dispatch(session, to, message, where);
  } else if (order.Hold(to, message, to.size())) {  // Given back.
    Answer(session, message, {.fail = FailCode::kBusy}, true);
  }
  return message;
}

void EdgeClients::Dispatch(SessionNumber session, const std::string& to, MessageNumber message,
                           const Hub::Whereabouts& where) {
  Client& client = *clients_.at(session);
  const std::string body = Ledger::BodyOf(message);
  CountTalk(&client, to, where);
  edge::RelayResult sum;
  if (!where.sessions.empty()) Add(Push(where.sessions, client.user.str(), body), &sum);
  if (where.edges.empty()) return Answer(session, message, sum, true);
  client.order.OnLeft(to, PlacesOf(where));
  const edge::RelaySender::Token token = ++last_token_;
  requests_[token] = {.message = message,
                      .session = session,
                      .to = to,
                      .legs = static_cast<int>(where.edges.size()),
                      .sum = sum};
  for (const NodeId edge : where.edges) {
    edge_->switchboard().Send(token, edge, {client.user.str(), to, /*time_ms=*/0, body},
                              around_.events->now());
  }
  edge_->Kick();
}

template <typename Sessions>
edge::RelayResult EdgeClients::Push(const Sessions& sessions, const std::string& from,
                                    const std::string& body) {
  edge::RelayResult result;
  for (const SessionNumber session : sessions) {
    if (clients_.at(session)->slow) {
      result.fail = FailCode::kBusy;
      continue;
    }
    if (body != Rogue::kBody) around_.ledger->OnDelivered(session, from, body);
    ++result.sessions;
  }
  if (result.sessions > 0) {
    result.fail.reset();
  } else if (!result.fail) {
    result.fail = FailCode::kOffline;
  }
  return result;
}

void EdgeClients::Answer(SessionNumber session, MessageNumber message, const edge::RelayResult& sum,
                         bool is_sure) {
  if (!clients_.contains(session)) return;  // Nobody is there to read it.
  around_.ledger->OnAnswer(message, sum.sessions, sum.fail, is_sure);
}

void EdgeClients::OnAnswers(const std::vector<edge::RelaySender::Answer>& answers) {
  for (const edge::RelaySender::Answer& answer : answers) {
    const auto found = requests_.find(answer.token);
    if (found == requests_.end()) {
      around_.history->Broken("edge ", edge_->node(), " answers a message once too often");
      return;
    }
    Request& request = found->second;
    Add(answer.result, &request.sum);
    request.is_sure &= answer.result.fail != FailCode::kUnconfirmed;
    if (--request.legs > 0) continue;
    const Request done = std::move(request);
    requests_.erase(found);
    Answer(done.session, done.message, done.sum, done.is_sure);
    const auto client = clients_.find(done.session);
    if (client == clients_.end()) continue;
    client->second->order.OnAnswered(done.to);
    DispatchHeld(done.session, done.to);
  }
}

void EdgeClients::DispatchHeld(SessionNumber session, const std::string& to) {
  edge::SendOrder<MessageNumber>& order = clients_.at(session)->order;
  while (order.HasHeld(to)) {
    const Hub::Whereabouts where = hub_.Find(to);
    MessageNumber held = 0;
    if (!order.TakeHeld(to, PlacesOf(where), &held)) return;
    if (where.sessions.empty() && where.edges.empty()) {
      Answer(session, held, {.fail = FailCode::kOffline}, true);
    } else {
      Dispatch(session, to, held, where);
    }
  }
}

bool EdgeClients::IsListed(NodeId edge, const std::string& user) const {
  const edge::Places places = edge_->directory().Find(user);
  return std::count(places.begin(), places.end(), edge) > 0 || edge_->directory().IsLost(edge) ||
         edge_->directory().LeftLately(user, edge);
}

bool EdgeClients::IsPlausible(const edge::Switchboard::Delivery& delivery) {
  const std::string& from = delivery.envelope.from;
  return senders_.IsPlausible(delivery.origin, from, IsListed(delivery.origin, from),
                              edge_->exchange().has_mgmt(), around_.events->now());
}

void EdgeClients::OnDeliveries(std::vector<edge::Switchboard::Delivery> deliveries) {
  for (const edge::Switchboard::Delivery& delivery : deliveries) {
    const edge::Envelope& envelope = delivery.envelope;
    edge::RelayResult result{.fail = FailCode::kOffline};
    if (IsPlausible(delivery)) {
      result = Push(hub_.FindHere(envelope.to), envelope.from, envelope.body);
    } else if (envelope.body != Rogue::kBody) {
      around_.history->Broken("edge ", edge_->node(), " refuses ", envelope.body, " of ",
                              envelope.from, " from edge ", delivery.origin, " as forged");
    }
    // Shards answer when they come to it.
    const absl::Duration wait =
        around_.dice->Between(absl::ZeroDuration(), absl::Microseconds(300));
    around_.events->After(
        wait, edge_->Guard([this, origin = delivery.origin, epoch = delivery.origin_epoch,
                            sequence = delivery.sequence, result] {
          edge_->switchboard().OnResult(origin, epoch, sequence, result);
          edge_->Kick();
        }));
  }
}

void EdgeClients::CountTalk(Client* client, const std::string& to, const Hub::Whereabouts& where) {
  if (!where.sessions.empty()) bytes_within_ += kTalkBytes;
  bytes_across_ += kTalkBytes * where.edges.size();
  client->talks.Count(to, kTalkBytes);
}

v1::TrafficReport EdgeClients::TakeTraffic() {
  v1::TrafficReport report;
  report.set_bytes_within(std::exchange(bytes_within_, 0));
  report.set_bytes_across(std::exchange(bytes_across_, 0));
  for (auto& [session, client] : clients_) {
    if (client->talks.empty()) continue;
    v1::Talker* const talker = report.add_talkers();
    talker->set_username(client->user.str());
    for (const edge::HeavyHitters::Peer& peer : client->talks.Take()) {
      talker->add_peers(peer.name);
      talker->add_bytes(peer.bytes);
    }
  }
  return report;
}

void EdgeClients::OnOrder(const v1::Order& order) {
  const absl::Duration now = around_.events->now();
  for (const v1::Move& move : order.moves()) {
    for (const SessionNumber session : hub_.FindHere(move.username())) {
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
  senders_.Sweep([this](NodeId origin, const std::string& user) { return IsListed(origin, user); });
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
