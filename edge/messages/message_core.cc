#include "edge/messages/message_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::edge {

class MessageCore::Sender {
 public:
  Sender(uint64_t session, const std::string& user) : session(session), user(user) {}

  const uint64_t session;
  const std::string user;
  Queue queue;
  SendOrder<MessageId> order;
  HeavyHitters talks;
};

namespace {

constexpr absl::Duration kSweepEvery = absl::Seconds(1);
// The memory for a body that a free slot keeps, in bytes.
constexpr size_t kKeptBodyBytes = 1024;

// A name goes into packets as it is, so it must be in normal form.
bool IsUsername(const std::string& name) {
  const absl::StatusOr<Username> parsed = Username::Parse(name);
  return parsed.ok() && parsed->str() == name;
}

absl::Status NobodyReached(const std::optional<FailCode>& why, absl::string_view to) {
  const FailCode code = why.value_or(FailCode::kOffline);
  switch (code) {
    case FailCode::kUnconfirmed:
      return Fail(code, absl::StrCat("it is not known whether this reached ", to,
                                     "; ask there before you send it again"));
    case FailCode::kBusy:
      return Fail(code, absl::StrCat(to,
                                     " reads too slowly, or the way there is full; "
                                     "try again in some seconds"));
    case FailCode::kUnroutable:
      return Fail(code, absl::StrCat("there is no way to the main server of ", to,
                                     " now; try again in a moment"));
    case FailCode::kOffline:
      return Fail(code, absl::StrCat(to,
                                     " is not signed in, or is no account; try again when "
                                     "GETSERVERMAP shows them online, or leave a message with "
                                     "SENDOFFLINEMESSAGE"));
    case FailCode::kUnavailable:
      return Fail(code, absl::StrCat("the main server of ", to,
                                     " could not check this message in time; try again in some "
                                     "seconds"));
    default:
      return Fail(code, absl::StrCat("the main server of ", to,
                                     " does not accept this message; ask them another way"));
  }
}

MessageCore::ShardLegs LegsTo(const absl::InlinedVector<SessionRef, 2>& sessions) {
  MessageCore::ShardLegs legs;
  for (const SessionRef& ref : sessions) {
    auto leg = std::find_if(legs.begin(), legs.end(),
                            [&](const auto& each) { return each.shard == ref.shard; });
    if (leg == legs.end()) {
      legs.push_back({.shard = ref.shard});
      leg = &legs.back();
    }
    leg->sessions.push_back(ref.id);
  }
  return legs;
}

}  // namespace

MessageCore::MessageCore(const EdgeSessionHub* hub, Options options)
    : hub_(hub), options_(std::move(options)) {}

MessageCore::~MessageCore() = default;

// ---- Slots.

MessageId MessageCore::Make() {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(messages_.size()));
    messages_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  Message& message = messages_[slot];
  message.state = State::kNew;
  message.is_arrival = message.is_counted = false;
  message.legs = 0;
  message.sum = {};
  return {.core = options_.core, .slot = slot, .use = message.use};
}

void MessageCore::Free(MessageId id) {
  Message& message = At(id);
  message.state = State::kFree;
  ++message.use;
  if (message.body.capacity() > kKeptBodyBytes) std::string().swap(message.body);
  message.body.clear();
  free_slots_.push_back(id.slot);
}

MessageCore::Message* MessageCore::Find(MessageId id) {
  if (id.core != options_.core || id.slot >= messages_.size()) return nullptr;
  Message& message = At(id);
  return message.state == State::kFree || message.use != id.use ? nullptr : &message;
}

MessageCore::Sender* MessageCore::FindSender(uint64_t session) const {
  const auto found = senders_.find(session);
  return found == senders_.end() ? nullptr : found->second.get();
}

// ---- Events.

MessageCore::Sender* MessageCore::OnSession(uint64_t session, const std::string& user) {
  std::unique_ptr<Sender>& sender = senders_[session];
  sender = std::make_unique<Sender>(session, user);
  return sender.get();
}

void MessageCore::OnSessionGone(Sender* sender) {
  std::vector<MessageId> waiting = sender->order.TakeAllHeld();
  waiting.insert(waiting.end(), sender->queue.messages.begin(), sender->queue.messages.end());
  for (const MessageId id : waiting) Free(id);
  output_.dropped.insert(output_.dropped.end(), waiting.begin(), waiting.end());
  senders_.erase(sender->session);
}

MessageId MessageCore::OnMessage(Sender& sender, absl::string_view to, absl::string_view body,
                                 int64_t time_ms, absl::Duration now) {
  const MessageId id = Make();
  Message& message = At(id);
  message.session = sender.session;
  message.to.assign(to.data(), to.size());
  message.time_ms = time_ms;
  const bool waits = !sender.queue.messages.empty();
  const std::optional<absl::Status> answer = waits ? std::nullopt : Ask(id);
  if (!answer) {
    message.body.assign(body.data(), body.size());
    if (!waits) AwaitAnswer(id, now);
    Enqueue(sender.queue, id);
  } else if (answer->ok()) {
    Pass(sender, id, body);
  } else {
    Refuse(id, *answer);
  }
  return id;
}

void MessageCore::OnArrival(const ArrivalId& arrival, Envelope envelope, bool is_fresh,
                            absl::Duration now) {
  if (!IsPlausible(arrival.origin, envelope.from, is_fresh, now)) {
    output_.results.push_back({arrival, {.fail = FailCode::kOffline}});
    return;
  }
  const MessageId id = Make();
  Message& message = At(id);
  message.is_arrival = true;
  message.arrival = arrival;
  message.from = std::move(envelope.from);
  message.to = std::move(envelope.to);
  message.body = std::move(envelope.body);
  message.time_ms = envelope.time_ms;
  Queue* const queue = QueueOf(message);
  const std::optional<absl::Status> answer = queue != nullptr ? std::nullopt : Ask(id);
  if (queue != nullptr) {
    Enqueue(*queue, id);
  } else if (!answer) {
    AwaitAnswer(id, now);
    Enqueue(arrivals_[Origin(arrival.origin, message.from)], id);
  } else if (answer->ok()) {
    PassArrival(id);
  } else {
    Refuse(id, *answer);
  }
}

bool MessageCore::OnResult(MessageId id, const RelayResult& result) {
  Message* const message = Find(id);
  if (message == nullptr || message->state != State::kUnderWay) return false;
  message->sum.Add(result);
  if (--message->legs == 0) Finish(id);
  return true;
}

void MessageCore::OnCheckAnswered(MessageId id, const absl::Status& answer, absl::Duration now) {
  const Message* const message = Find(id);
  if (message == nullptr || message->state != State::kChecking) return;
  WorkQueue(id, answer, now);
}

void MessageCore::OnTick(absl::Duration now) {
  while (!check_deadlines_.empty() && check_deadlines_.front().first <= now) {
    const MessageId id = check_deadlines_.front().second;
    check_deadlines_.pop_front();
    OnCheckAnswered(id,
                    Fail(FailCode::kUnavailable,
                         "this message could not be checked in time; try again in some "
                         "seconds"),
                    now);
  }
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweepEvery;
  plausible_.Sweep([this](NodeId origin, const std::string& user) {
    return hub_->directory().MaySendFrom(user, origin);
  });
}

// ---- Checks.

bool MessageCore::IsPlausible(NodeId origin, const std::string& from, bool is_fresh,
                              absl::Duration now) {
  const bool is_plausible =
      IsUsername(from) &&
      plausible_.IsPlausible(origin, from, hub_->directory().MaySendFrom(from, origin), is_fresh,
                             now);
  if (!is_plausible && envelopes_refused_++ == 0) {
    output_.warnings.push_back(absl::StrCat(
        "node ", origin, " sent a message from \"", absl::CEscape(from),
        "\", who is not signed in there; that and more of its kind are refused, and counted"));
  }
  return is_plausible;
}

std::optional<absl::Status> MessageCore::Ask(MessageId id) {
  if (options_.check == nullptr) return absl::OkStatus();
  const Message& message = At(id);
  if (message.is_arrival) {
    return options_.check({id, message.arrival.origin, message.from, message.to});
  }
  return options_.check({id, hub_->self(), FindSender(message.session)->user, message.to});
}

MessageCore::Queue* MessageCore::QueueOf(const Message& message) {
  if (!message.is_arrival) return &FindSender(message.session)->queue;
  if (arrivals_.empty()) return nullptr;
  const auto found = arrivals_.find(Origin(message.arrival.origin, message.from));
  return found == arrivals_.end() ? nullptr : &found->second;
}

void MessageCore::AwaitAnswer(MessageId id, absl::Duration now) {
  At(id).state = State::kChecking;
  check_deadlines_.emplace_back(now + limits::kMessageCheckMax, id);
}

void MessageCore::Enqueue(Queue& queue, MessageId id) {
  Message& message = At(id);
  const size_t bytes = message.to.size() + message.body.size();
  // The bound is for messages that wait. The first one, whose check is under way, always fits.
  if (message.state == State::kNew) {
    if (queue.bytes + bytes > limits::kHeldBytesMax) {
      return Refuse(id, Fail(FailCode::kBusy,
                             "too many messages of yours wait to be checked; try again in some "
                             "seconds"));
    }
    message.state = State::kQueued;
  }
  queue.bytes += bytes;
  queue.messages.push_back(id);
}

void MessageCore::WorkQueue(MessageId first, absl::Status answer, absl::Duration now) {
  Queue& queue = *QueueOf(At(first));
  // Copies, because the loop below may free the slot of `first`.
  const Origin origin(At(first).arrival.origin, At(first).from);
  const bool is_arrival = At(first).is_arrival;
  MessageId id = first;
  while (true) {
    queue.messages.pop_front();
    queue.bytes -= At(id).to.size() + At(id).body.size();
    At(id).state = State::kNew;
    if (!answer.ok()) {
      Refuse(id, answer);
    } else if (is_arrival) {
      PassArrival(id);
    } else {
      Pass(*FindSender(At(id).session), id, At(id).body);
    }
    if (queue.messages.empty()) break;
    id = queue.messages.front();
    std::optional<absl::Status> next = Ask(id);
    if (!next) return AwaitAnswer(id, now);
    answer = *std::move(next);
  }
  if (is_arrival) arrivals_.erase(origin);
}

// ---- Ways.

Places MessageCore::PlacesOf(const Whereabouts& where) const {
  Places places = where.edges;
  if (!where.sessions.empty()) places.push_back(hub_->self());
  return places;
}

void MessageCore::Pass(Sender& sender, MessageId id, absl::string_view body) {
  Message& message = At(id);
  const Whereabouts where = hub_->Find(message.to);
  const bool is_somewhere = !where.sessions.empty() || !where.edges.empty();
  if (!is_somewhere || sender.order.empty() || sender.order.MayLeave(message.to, PlacesOf(where))) {
    return Depart(sender, id, body, where);
  }
  const size_t bytes = message.to.size() + body.size();
  if (sender.order.Hold(message.to, id, bytes)) {  // Too much is held already.
    return Refuse(id, Fail(FailCode::kBusy,
                           absl::StrCat("too many messages of yours wait for ", message.to,
                                        " to change main servers; try again in some seconds")));
  }
  message.state = State::kHeld;
  if (body.data() != message.body.data()) message.body.assign(body.data(), body.size());
}

void MessageCore::PassArrival(MessageId id) {
  Message& message = At(id);
  ShardLegs legs = LegsTo(hub_->FindHere(message.to));
  if (legs.empty()) return Finish(id);
  message.state = State::kUnderWay;
  message.legs = static_cast<int>(legs.size());
  output_.deliveries.push_back({.message = id,
                                .envelope = {.from = std::move(message.from),
                                             .to = std::move(message.to),
                                             .time_ms = message.time_ms,
                                             .body = std::move(message.body)},
                                .shards = std::move(legs)});
}

void MessageCore::Depart(Sender& sender, MessageId id, absl::string_view body,
                         const Whereabouts& where) {
  Message& message = At(id);
  ShardLegs shards = LegsTo(where.sessions);
  message.legs = static_cast<int>(shards.size() + where.edges.size());
  message.state = State::kUnderWay;
  if (message.legs == 0) return Finish(id);
  CountTraffic(sender, message.to, body.size(), where);
  // If every recipient is a session on this core's own shard, delivery happens before any other
  // event. No later message can overtake it, so SendOrder need not know of it.
  const bool is_at_once =
      where.edges.empty() && shards.size() == 1 && shards[0].shard == options_.core;
  if (!is_at_once) {
    message.is_counted = true;
    sender.order.OnLeft(message.to, PlacesOf(where));
  }
  output_.departures.push_back({.message = id,
                                .from = sender.user,
                                .to = message.to,
                                .body = body,
                                .time_ms = message.time_ms,
                                .shards = std::move(shards),
                                .edges = where.edges});
}

void MessageCore::DepartHeld(Sender& sender, const std::string& to) {
  while (sender.order.HasHeld(to)) {
    const Whereabouts where = hub_->Find(to);
    MessageId held;
    if (!sender.order.TakeHeld(to, PlacesOf(where), &held)) return;
    Depart(sender, held, At(held).body, where);
  }
}

// ---- Ends.

void MessageCore::Refuse(MessageId id, const absl::Status& why) {
  const Message& message = At(id);
  if (message.is_arrival) {
    output_.results.push_back({message.arrival, {.fail = FailCodeOf(why)}});
  } else {
    output_.answers.push_back({.message = id, .failure = why});
  }
  Free(id);
}

void MessageCore::Finish(MessageId id) {
  const Message& message = At(id);
  RelayResult sum = message.sum;
  if (sum.sessions > 0) {
    sum.fail.reset();
  } else if (!sum.fail) {
    sum.fail = FailCode::kOffline;
  }
  if (message.is_arrival) {
    output_.results.push_back({message.arrival, sum});
    return Free(id);
  }
  output_.answers.push_back({.message = id, .sessions = sum.sessions});
  if (sum.fail) output_.answers.back().failure = NobodyReached(sum.fail, message.to);
  Sender* const sender = message.is_counted ? FindSender(message.session) : nullptr;
  if (sender != nullptr) {
    sender->order.OnAnswered(message.to);
    DepartHeld(*sender, message.to);
  }
  Free(id);
}

// ---- Traffic.

void MessageCore::CountTraffic(Sender& sender, absl::string_view to, size_t body_bytes,
                               const Whereabouts& where) {
  const uint64_t bytes = body_bytes + options_.overhead;
  if (!where.sessions.empty()) bytes_within_ += bytes;
  bytes_across_ += bytes * where.edges.size();
  if (sender.talks.empty()) talkers_.push_back(sender.session);
  sender.talks.Count(to, bytes);
}

MessageCore::Traffic MessageCore::TakeTraffic(size_t talkers_max) {
  Traffic traffic{.bytes_within = std::exchange(bytes_within_, 0),
                  .bytes_across = std::exchange(bytes_across_, 0)};
  const size_t count = std::min(talkers_max, talkers_.size());
  for (size_t i = 0; i < count; ++i) {
    Sender* const sender = FindSender(talkers_[i]);
    if (sender == nullptr) continue;
    traffic.talkers.push_back({sender->user, sender->talks.Take()});
  }
  talkers_.erase(talkers_.begin(), talkers_.begin() + count);
  return traffic;
}

}  // namespace convergia::edge
