#include "tests/sim/edge_router.h"

#include <utility>

#include "common/base/limits.h"
#include "tests/sim/edge.h"
#include "tests/sim/rogue.h"

namespace convergia::sim {
namespace {

// As edge::MessageRouter's: reached is better than not known, and that than why not.
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

EdgeRouter::EdgeRouter(const Surroundings& around, Edge* edge)
    : around_(around), edge_(edge), hub_(&edge->directory(), limits::kSessionsPerUserMax) {
  hub_.set_self(edge->node());
}

SessionNumber EdgeRouter::SignIn(const std::string& user) {
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

void EdgeRouter::SignOut(SessionNumber session) {
  const auto found = clients_.find(session);
  if (found == clients_.end()) return;
  around_.history->Note(found->second->user.str(), " signs out of edge ", edge_->node(),
                        ", session ", session);
  hub_.Remove(found->second->user, session);
  clients_.erase(found);
  around_.ledger->OnSessionEnd(session);
  edge_->attach().OnLocationsChanged();
}

void EdgeRouter::SetSlow(SessionNumber session, bool slow) {
  const auto found = clients_.find(session);
  if (found != clients_.end()) found->second->slow = slow;
}

std::vector<SessionNumber> EdgeRouter::sessions() const {
  std::vector<SessionNumber> sessions;
  for (const auto& [session, client] : clients_) sessions.push_back(session);
  return sessions;
}

edge::Places EdgeRouter::PlacesOf(const Hub::Whereabouts& where) const {
  edge::Places places = where.edges;
  if (!where.sessions.empty()) places.push_back(edge_->node());
  return places;
}

MessageNumber EdgeRouter::Send(SessionNumber session, const std::string& to) {
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

void EdgeRouter::Dispatch(SessionNumber session, const std::string& to, MessageNumber message,
                          const Hub::Whereabouts& where) {
  Client& client = *clients_.at(session);
  const std::string body = Ledger::BodyOf(message);
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
edge::RelayResult EdgeRouter::Push(const Sessions& sessions, const std::string& from,
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

void EdgeRouter::Answer(SessionNumber session, MessageNumber message, const edge::RelayResult& sum,
                        bool is_sure) {
  if (!clients_.contains(session)) return;  // Nobody is there to read it.
  around_.ledger->OnAnswer(message, sum.sessions, sum.fail, is_sure);
}

void EdgeRouter::OnAnswers(const std::vector<edge::RelaySender::Answer>& answers) {
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

void EdgeRouter::DispatchHeld(SessionNumber session, const std::string& to) {
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

void EdgeRouter::OnDeliveries(std::vector<edge::Switchboard::Delivery> deliveries) {
  for (const edge::Switchboard::Delivery& delivery : deliveries) {
    const edge::Envelope& envelope = delivery.envelope;
    edge::RelayResult result = Push(hub_.FindHere(envelope.to), envelope.from, envelope.body);
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

}  // namespace convergia::sim
