#include "edge/messages/message_shell.h"

#include <glog/logging.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "edge/messages/receive_packet.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;
using lineserver::Shard;

// One SENDMESSAGE that is not answered yet. Only on the sender's shard, but for its count of legs.
class MessageShell::Request {
 public:
  Request(Shard* shard, uint64_t session, absl::string_view to, Responder responder)
      : shard(shard), session(session), to(to), responder(std::move(responder)) {}

  Shard* const shard;
  const uint64_t session;
  const std::string to;
  Responder responder;
  int legs = 0;  // To be answered.
  RelayResult sum;
  std::atomic<int> refs = 0;  // Legs that exist.
};

// The duty to say what became of a request at one place. Dropped by a shard that has stopped, it
// lets go of the request; then nobody is there to be answered.
class MessageShell::Leg {
 public:
  explicit Leg(Request* request) : request_(request) { ++request_->refs; }
  Leg(Leg&& other) noexcept : request_(std::exchange(other.request_, nullptr)) {}
  Leg& operator=(Leg&&) = delete;
  ~Leg() {
    if (request_ != nullptr && --request_->refs == 0) delete request_;
  }

  Request& request() const { return *request_; }

  // As a token of the relay, and back: once each.
  RelaySender::Token Release() {
    return reinterpret_cast<RelaySender::Token>(std::exchange(request_, nullptr));
  }
  static Leg Reclaim(RelaySender::Token token) {
    Leg leg;
    leg.request_ = reinterpret_cast<Request*>(token);
    return leg;
  }

 private:
  Leg() = default;
  Request* request_ = nullptr;
};

struct MessageShell::LegAnswer {
  Leg leg;
  RelayResult result;
};

// A delivery whose sessions live on more than one shard: the last one to finish reports the sum.
struct MessageShell::Spread {
  std::atomic<int> shards_left = 0;
  std::atomic<uint32_t> sessions = 0;
  std::atomic<bool> busy = false;
};

struct MessageShell::ShardDelivery {
  SessionIds ids;
  RelayLoop::Result result;  // To be filled.
  Envelope envelope;
  std::shared_ptr<Spread> spread;  // Null if all its sessions are on this shard.
};

namespace {

// What a message carries besides its body: who, when, and the word.
constexpr uint64_t kMessageOverhead = 40;

// A shard's own, so that no message allocates one.
std::string& Scratch() {
  thread_local std::string scratch;
  if (scratch.capacity() > limits::kOutboxBytesSoft) std::string().swap(scratch);
  scratch.clear();
  return scratch;
}

// What goes into a packet as it is.
bool IsUsername(const std::string& name) {
  const absl::StatusOr<Username> parsed = Username::Parse(name);
  return parsed.ok() && parsed->str() == name;
}

// The most that a sender needs to know: reached is better than not known, and that than why not.
void Add(const RelayResult& result, RelayResult* sum) {
  sum->sessions += result.sessions;
  const auto rank = [](const std::optional<FailCode>& fail) {
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
  };
  if (rank(result.fail) > rank(sum->fail)) sum->fail = result.fail;
}

absl::Status NobodyReached(const std::optional<FailCode>& why, absl::string_view to) {
  switch (why.value_or(FailCode::kOffline)) {
    case FailCode::kUnconfirmed:
      return Fail(FailCode::kUnconfirmed, absl::StrCat("it is not known whether this reached ", to,
                                                       "; ask there before you send it again"));
    case FailCode::kBusy:
      return Fail(FailCode::kBusy, absl::StrCat(to,
                                                " reads too slowly, or the way there is full; "
                                                "try again in some seconds"));
    case FailCode::kUnroutable:
      return Fail(FailCode::kUnroutable, absl::StrCat("there is no way to the main server of ", to,
                                                      " now; try again in a moment"));
    default:
      return Fail(FailCode::kOffline,
                  absl::StrCat(to,
                               " is not signed in; try again when GETSERVERMAP shows them "
                               "online"));
  }
}

void Answer(const RelayResult& sum, absl::string_view to, Responder* responder) {
  if (sum.sessions == 0) return responder->Fail(NobodyReached(sum.fail, to));
  responder->Ok(absl::AlphaNum(sum.sessions).Piece());
}

}  // namespace

MessageShell::MessageShell(EdgeSessionHub* hub, const Clock* clock) : hub_(hub), clock_(clock) {}
MessageShell::~MessageShell() = default;

void MessageShell::Attach(RelayLoop* loop, absl::Span<const std::shared_ptr<Shard>> shards) {
  loop_ = loop;
  for (const std::shared_ptr<Shard>& shard : shards) {
    rosters_.push_back(std::make_unique<Roster>());
    rosters_.back()->shard = shard.get();
  }
}

absl::Status MessageShell::OnSignedIn(Session& session) {
  const SessionRef ref{&session.shard(), &session, session.id()};
  const absl::Status added =
      hub_->Add(session.signed_in()->user, session.signed_in()->account, session.id(), ref);
  if (!added.ok()) return added;
  session.set_attachment(new SessionState());
  RosterOf(session.shard()).sessions[session.id()] = &session;
  return absl::OkStatus();
}

void MessageShell::OnClosed(Session& session) {
  hub_->Remove(session.signed_in()->user, session.id());
  RosterOf(session.shard()).sessions.erase(session.id());
  delete &StateOf(session);
  session.set_attachment(nullptr);
}

Places MessageShell::PlacesOf(const EdgeSessionHub::Whereabouts& where) const {
  Places places = where.edges;
  if (!where.sessions.empty()) places.push_back(hub_->self());
  return places;
}

void MessageShell::HandleSendMessage(Session& session, Fields fields, Responder responder) {
  const absl::StatusOr<Username> to = Username::Parse(fields[0]);
  if (!to.ok()) return responder.Fail(to.status());
  const EdgeSessionHub::Whereabouts where = hub_->Find(to->str());
  if (where.sessions.empty() && where.edges.empty()) {
    return responder.Fail(NobodyReached(FailCode::kOffline, to->str()));
  }
  SendOrder<Held>& order = StateOf(session).order;
  if (!order.empty() && !order.MayLeave(to->str(), PlacesOf(where))) {
    std::optional<Held> refused =
        order.Hold(to->str(), {std::string(fields[1]), std::move(responder)},
                   to->str().size() + fields[1].size());
    if (!refused) return;
    return refused->responder.Fail(
        Fail(FailCode::kBusy, absl::StrCat("too many messages of yours wait for ", to->str(),
                                           " to change main servers; try again in some seconds")));
  }
  Dispatch(session, to->str(), fields[1], where, std::move(responder));
}

void MessageShell::Dispatch(Session& session, absl::string_view to, absl::string_view body,
                            const EdgeSessionHub::Whereabouts& where, Responder responder) {
  CountTalk(session, to, body.size(), where);
  const std::string& from = session.signed_in()->user.str();
  const int64_t time_ms = absl::ToUnixMillis(clock_->Now());
  RelayResult sum;
  absl::flat_hash_map<Shard*, SessionIds> elsewhere;
  std::string& packet = Scratch();
  if (!where.sessions.empty()) AppendReceiveMessage(from, time_ms, body, &packet);
  for (const SessionRef& ref : where.sessions) {
    if (ref.shard != &session.shard()) {
      elsewhere[ref.shard].push_back(ref.id);
    } else if (!ref.session->IsCongested() && ref.session->PushEscaped(packet)) {
      ++sum.sessions;
    } else {
      sum.fail = FailCode::kBusy;
    }
  }
  if (elsewhere.empty() && where.edges.empty()) return Answer(sum, to, &responder);

  auto* const request = new Request(&session.shard(), session.id(), to, std::move(responder));
  const Leg keeps_it(request);
  request->sum = sum;
  request->legs = static_cast<int>(elsewhere.size() + where.edges.size());
  StateOf(session).order.OnLeft(to, PlacesOf(where));
  if (!elsewhere.empty()) {
    const auto shared = std::make_shared<const std::string>(packet);
    for (auto& [shard, ids] : elsewhere) {
      SendToShard(*shard, std::move(ids), shared, Leg(request));
    }
  }
  for (const NodeId edge : where.edges) {
    SendToEdge(RosterOf(session.shard()),
               {Leg(request).Release(), edge, {from, std::string(to), time_ms, std::string(body)}});
  }
}

void MessageShell::CountTalk(Session& session, absl::string_view to, size_t body_bytes,
                             const EdgeSessionHub::Whereabouts& where) {
  const uint64_t bytes = body_bytes + kMessageOverhead;
  Roster& roster = RosterOf(session.shard());
  if (!where.sessions.empty()) roster.bytes_within += bytes;
  roster.bytes_across += bytes * where.edges.size();
  HeavyHitters& talks = StateOf(session).talks;
  if (talks.empty()) roster.talkers.push_back(session.id());
  talks.Count(to, bytes);
}

// All of one turn leave together, after it.
void MessageShell::SendToEdge(Roster& roster, RelayLoop::Request request) {
  roster.outbound.push_back(std::move(request));
  if (roster.outbound.size() > 1) return;
  roster.shard->Post([this, &roster] { loop_->Send(&roster.outbound); });
}

void MessageShell::SendToShard(Shard& shard, SessionIds ids,
                               std::shared_ptr<const std::string> packet, Leg leg) {
  shard.Post([this, &shard, ids = std::move(ids), packet = std::move(packet),
              leg = std::move(leg)]() mutable {
    RelayResult result;
    PushOnShard(RosterOf(shard), ids, *packet, &result);
    Shard& origin = *leg.request().shard;
    std::vector<LegAnswer> answers;
    answers.push_back({std::move(leg), result});
    origin.Post(
        [this, answers = std::move(answers)]() mutable { OnLegAnswers(std::move(answers)); });
  });
}

void MessageShell::PushOnShard(Roster& roster, const SessionIds& ids, absl::string_view packet,
                               RelayResult* result) {
  for (const uint64_t id : ids) {
    const auto found = roster.sessions.find(id);
    if (found == roster.sessions.end()) continue;
    if (!found->second->IsCongested() && found->second->PushEscaped(packet)) {
      ++result->sessions;
    } else {
      result->fail = FailCode::kBusy;
    }
  }
  if (result->sessions == 0 && !result->fail) result->fail = FailCode::kOffline;
}

void MessageShell::OnLegAnswers(std::vector<LegAnswer> answers) {
  for (const LegAnswer& answer : answers) {
    Request& request = answer.leg.request();
    Add(answer.result, &request.sum);
    if (--request.legs == 0) OnRequestDone(request);
  }
}

void MessageShell::OnRequestDone(Request& request) {
  Answer(request.sum, request.to, &request.responder);
  const Roster& roster = RosterOf(*request.shard);
  const auto found = roster.sessions.find(request.session);
  if (found == roster.sessions.end()) return;
  StateOf(*found->second).order.OnAnswered(request.to);
  DispatchHeld(*found->second, request.to);
}

void MessageShell::DispatchHeld(Session& session, const std::string& to) {
  SendOrder<Held>& order = StateOf(session).order;
  while (order.HasHeld(to)) {
    const EdgeSessionHub::Whereabouts where = hub_->Find(to);
    Held held;
    if (!order.TakeHeld(to, PlacesOf(where), &held)) return;
    Dispatch(session, to, held.body, where, std::move(held.responder));
  }
}

void MessageShell::OnAnswers(std::vector<RelaySender::Answer> answers) {
  std::vector<std::vector<LegAnswer>> by_shard(rosters_.size());
  for (const RelaySender::Answer& answer : answers) {
    Leg leg = Leg::Reclaim(answer.token);
    std::vector<LegAnswer>& theirs = by_shard[leg.request().shard->index()];
    if (theirs.empty()) theirs.reserve(answers.size());
    theirs.push_back({std::move(leg), answer.result});
  }
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) continue;
    rosters_[shard]->shard->Post(
        [this, theirs = std::move(by_shard[shard])]() mutable { OnLegAnswers(std::move(theirs)); });
  }
}

void MessageShell::OnDeliveries(std::vector<Switchboard::Delivery> deliveries) {
  std::vector<std::vector<ShardDelivery>> by_shard(rosters_.size());
  for (auto& theirs : by_shard) theirs.reserve(deliveries.size());
  std::vector<RelayLoop::Result> results;
  for (Switchboard::Delivery& delivery : deliveries) {
    const RelayLoop::Result result{
        delivery.origin, delivery.origin_epoch, delivery.sequence, {.fail = FailCode::kOffline}};
    const bool is_sound = IsPlausible(delivery);
    const auto refs = hub_->FindHere(delivery.envelope.to);
    if (refs.empty() || !is_sound) {
      results.push_back(result);
    } else {
      Sort(refs, result, std::move(delivery.envelope), &by_shard);
    }
  }
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) continue;
    Roster& roster = *rosters_[shard];
    roster.shard->Post([this, &roster, theirs = std::move(by_shard[shard])]() mutable {
      DeliverOnShard(roster, std::move(theirs));
    });
  }
  if (!results.empty()) loop_->PostResults(std::move(results));
}

bool MessageShell::IsListed(NodeId edge, const std::string& user) const {
  const Places places = hub_->Find(user).edges;
  return std::find(places.begin(), places.end(), edge) != places.end() ||
         hub_->directory().IsLost(edge) || hub_->directory().LeftLately(user, edge);
}

void MessageShell::OnTick(absl::Duration now) {
  if (now < next_sweep_) return;
  next_sweep_ = now + absl::Seconds(1);
  senders_.Sweep([this](NodeId origin, const std::string& user) { return IsListed(origin, user); });
}

bool MessageShell::IsPlausible(const Switchboard::Delivery& delivery) {
  const std::string& from = delivery.envelope.from;
  bool is_plausible = IsUsername(from);
  if (is_plausible) {
    is_plausible = senders_.IsPlausible(delivery.origin, from, IsListed(delivery.origin, from),
                                        directory_is_fresh_, clock_->Elapsed());
  }
  if (!is_plausible && envelopes_refused_++ == 0) {
    LOG(WARNING) << "node " << delivery.origin << " sent a message from \"" << absl::CEscape(from)
                 << "\", who is not signed in there; that and more of its kind are refused, and"
                 << " counted";
  }
  return is_plausible;
}

void MessageShell::Sort(const absl::InlinedVector<SessionRef, 2>& refs,
                        const RelayLoop::Result& result, Envelope envelope,
                        std::vector<std::vector<ShardDelivery>>* by_shard) {
  const auto is_elsewhere = [&](const SessionRef& ref) { return ref.shard != refs[0].shard; };
  if (std::none_of(refs.begin(), refs.end(), is_elsewhere)) {
    SessionIds ids;
    for (const SessionRef& ref : refs) ids.push_back(ref.id);
    std::vector<ShardDelivery>& theirs = (*by_shard)[refs[0].shard->index()];
    theirs.push_back({std::move(ids), result, std::move(envelope), nullptr});
    return;
  }
  absl::flat_hash_map<int, SessionIds> ids;
  for (const SessionRef& ref : refs) ids[ref.shard->index()].push_back(ref.id);
  const auto spread = std::make_shared<Spread>();
  spread->shards_left = static_cast<int>(ids.size());
  for (auto& [shard, theirs] : ids) {
    (*by_shard)[shard].push_back({std::move(theirs), result, envelope, spread});
  }
}

void MessageShell::DeliverOnShard(Roster& roster, std::vector<ShardDelivery> deliveries) {
  std::vector<RelayLoop::Result> results;
  results.reserve(deliveries.size());
  for (ShardDelivery& delivery : deliveries) {
    const Envelope& envelope = delivery.envelope;
    std::string& packet = Scratch();
    AppendReceiveMessage(envelope.from, envelope.time_ms, envelope.body, &packet);
    RelayResult& result = delivery.result.result;
    result = {};
    PushOnShard(roster, delivery.ids, packet, &result);
    if (Spread* const spread = delivery.spread.get()) {
      spread->sessions += result.sessions;
      if (result.fail == FailCode::kBusy) spread->busy = true;
      if (--spread->shards_left > 0) continue;
      result = {.sessions = spread->sessions};
      if (result.sessions == 0) {
        result.fail = spread->busy ? FailCode::kBusy : FailCode::kOffline;
      }
    }
    if (result.sessions > 0) result.fail.reset();
    results.push_back(delivery.result);
  }
  loop_->PostResults(std::move(results));
}

void MessageShell::ForEachSession(const ForEach& fn) {
  for (const std::unique_ptr<Roster>& roster : rosters_) {
    roster->shard->Post([roster = roster.get(), fn] {
      for (const auto& [id, session] : roster->sessions) fn(*session);
    });
  }
}

void MessageShell::OnSession(const SessionRef& ref, const ForEach& fn) {
  Roster& roster = RosterOf(*ref.shard);
  roster.shard->Post([&roster, id = ref.id, fn] {
    const auto found = roster.sessions.find(id);
    if (found != roster.sessions.end()) fn(*found->second);
  });
}

void MessageShell::TakeTraffic(size_t talkers_max, const std::function<void(Traffic)>& fn) {
  for (const std::unique_ptr<Roster>& roster : rosters_) {
    roster->shard->Post(
        [roster = roster.get(), talkers_max, fn] { fn(TakeTrafficOf(*roster, talkers_max)); });
  }
}

MessageShell::Traffic MessageShell::TakeTrafficOf(Roster& roster, size_t talkers_max) {
  Traffic traffic{.bytes_within = std::exchange(roster.bytes_within, 0),
                  .bytes_across = std::exchange(roster.bytes_across, 0)};
  const size_t count = std::min(talkers_max, roster.talkers.size());
  for (size_t i = 0; i < count; ++i) {
    const auto found = roster.sessions.find(roster.talkers[i]);
    if (found == roster.sessions.end()) continue;
    Session& session = *found->second;
    traffic.talkers.push_back({session.signed_in()->user.str(), StateOf(session).talks.Take()});
  }
  roster.talkers.erase(roster.talkers.begin(), roster.talkers.begin() + count);
  return traffic;
}

void MessageShell::PushTo(absl::string_view user, absl::string_view word, absl::string_view data) {
  for (const SessionRef& ref : hub_->FindHere(user)) {
    ref.shard->Post([this, ref, word = std::string(word), data = std::string(data)] {
      const Roster& roster = RosterOf(*ref.shard);
      const auto session = roster.sessions.find(ref.id);
      if (session != roster.sessions.end()) session->second->Push(word, data);
    });
  }
}

}  // namespace convergia::edge
