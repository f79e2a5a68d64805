#include "edge/messages/message_shell.h"

#include <glog/logging.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "edge/messages/receive_packet.h"

namespace convergia::edge {

using lineserver::Responder;
using lineserver::Session;
using session::Shard;

namespace {

// MessageId::core of arrivals: no shard has this index.
constexpr uint32_t kArrivalCore = std::numeric_limits<uint32_t>::max();

// One string for each thread, so that a message allocates none.
std::string& Scratch() {
  thread_local std::string scratch;
  if (scratch.capacity() > limits::kOutboxBytesSoft) std::string().swap(scratch);
  scratch.clear();
  return scratch;
}

}  // namespace

MessageShell::MessageShell(Deps deps)
    : deps_(std::move(deps)), arrivals_(deps_.hub, {.core = kArrivalCore, .check = deps_.check}) {}

MessageShell::~MessageShell() = default;

void MessageShell::Start(absl::Span<const std::shared_ptr<Shard>> shards) {
  for (const std::shared_ptr<Shard>& shard : shards) {
    const MessageCore::Options options = {.core = static_cast<uint32_t>(shard->index()),
                                          .check = deps_.check};
    lanes_.push_back(std::make_unique<Lane>(shard.get(), deps_.hub, options));
  }
}

// ---- Sessions.

absl::Status MessageShell::OnSignedIn(Session& session) {
  Lane& lane = LaneOf(session.shard());
  const SessionRef ref{static_cast<uint32_t>(session.shard().index()), session.id()};
  const Username& user = session.signed_in()->user;
  const absl::Status added = deps_.hub->Add(user, session.signed_in()->account, session.id(), ref);
  if (!added.ok()) return added;
  session.set_extension(std::make_unique<Member>(lane.core.OnSession(session.id(), user.str())));
  lane.sessions[session.id()] = &session;
  return absl::OkStatus();
}

void MessageShell::OnClosed(Session& session) {
  Lane& lane = LaneOf(session.shard());
  deps_.hub->Remove(session.signed_in()->user, session.id());
  lane.sessions.erase(session.id());
  lane.core.OnSessionGone(session.extension<Member>()->sender);
  CarryOut(lane);
}

void MessageShell::Send(Session& session, absl::string_view to, absl::string_view body,
                        Responder responder) {
  const absl::StatusOr<Username> user = Username::Parse(to);
  if (!user.ok()) return responder.Fail(user.status());
  Lane& lane = LaneOf(session.shard());
  MessageCore::Sender& sender = *session.extension<Member>()->sender;
  const MessageId message = lane.core.OnMessage(
      sender, user->str(), body, absl::ToUnixMillis(deps_.clock->Now()), deps_.clock->Elapsed());
  if (message.slot >= lane.responders.size()) lane.responders.resize(message.slot + 1);
  lane.responders[message.slot] = std::move(responder);
  CarryOut(lane);
}

void MessageShell::CarryOut(Lane& lane) {
  MessageCore::Output output = std::move(lane.spare);
  for (lane.core.Take(&output); !output.empty(); lane.core.Take(&output)) {
    for (MessageCore::Departure& departure : output.departures) Depart(lane, departure);
    for (const MessageCore::Answer& answer : output.answers) {
      Responder responder = std::move(lane.responders[answer.message.slot]);
      if (answer.sessions == 0) {
        responder.Fail(answer.failure);
      } else {
        responder.Ok(absl::AlphaNum(answer.sessions).Piece());
      }
    }
    for (const MessageId message : output.dropped) lane.responders[message.slot] = Responder();
    for (const std::string& warning : output.warnings) LOG(WARNING) << warning;
  }
  lane.spare = std::move(output);
}

void MessageShell::Depart(Lane& lane, MessageCore::Departure& departure) {
  std::string& packet = Scratch();
  SharedPacket shared;
  const MessageCore::ShardLeg* here = nullptr;
  if (!departure.shards.empty()) {
    AppendReceiveMessage(departure.from, departure.time_ms, departure.body, &packet);
  }
  for (MessageCore::ShardLeg& leg : departure.shards) {
    Lane& theirs = *lanes_[leg.shard];
    if (&theirs == &lane) {
      here = &leg;
      continue;
    }
    if (shared == nullptr) shared = std::make_shared<const std::string>(packet);
    PostToShard(theirs, departure.message, std::move(leg.sessions), shared);
  }
  for (const NodeId edge : departure.edges) {
    SendToEdge(lane, {.message = departure.message,
                      .destination = edge,
                      .envelope = {.from = std::string(departure.from),
                                   .to = std::string(departure.to),
                                   .time_ms = departure.time_ms,
                                   .body = std::string(departure.body)}});
  }
  // The last leg, because the views of `departure` end with the last result.
  if (here != nullptr) lane.core.OnResult(departure.message, Push(lane, here->sessions, packet));
}

void MessageShell::PostToShard(Lane& lane, MessageId message, MessageCore::SessionIds sessions,
                               SharedPacket packet) {
  lane.shard->Post(
      [this, &lane, message, sessions = std::move(sessions), packet = std::move(packet)] {
        PostResultsToShard(*lanes_[message.core], {{message, Push(lane, sessions, *packet)}});
      });
}

void MessageShell::PostResultsToShard(Lane& lane, Answers results) {
  lane.shard->Post([this, &lane, results = std::move(results)] {
    for (const RelaySender::Answer& result : results) {
      lane.core.OnResult(result.message, result.result);
    }
    CarryOut(lane);
  });
}

// Collects the requests of one turn, to hand them over together after it.
void MessageShell::SendToEdge(Lane& lane, RelayLoop::Request request) {
  lane.outbound.push_back(std::move(request));
  if (lane.outbound.size() > 1) return;
  lane.shard->Post([this, &lane] { deps_.loop->Send(&lane.outbound); });
}

RelayResult MessageShell::Push(Lane& lane, const MessageCore::SessionIds& sessions,
                               absl::string_view packet) {
  RelayResult result;
  for (const uint64_t id : sessions) {
    const auto found = lane.sessions.find(id);
    if (found == lane.sessions.end()) continue;
    if (!found->second->IsCongested() && found->second->PushEscaped(packet)) {
      ++result.sessions;
    } else {
      result.fail = FailCode::kBusy;
    }
  }
  if (result.sessions == 0 && !result.fail) result.fail = FailCode::kOffline;
  return result;
}

// ---- The relay.

void MessageShell::OnAnswers(const Answers& answers) {
  std::vector<Answers> by_shard(lanes_.size());
  for (const RelaySender::Answer& answer : answers) {
    Answers& theirs = by_shard[answer.message.core];
    if (theirs.empty()) theirs.reserve(answers.size());
    theirs.push_back(answer);
  }
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (!by_shard[shard].empty()) PostResultsToShard(*lanes_[shard], std::move(by_shard[shard]));
  }
}

void MessageShell::OnDeliveries(std::vector<Switchboard::Delivery> deliveries) {
  const absl::Duration now = deps_.clock->Elapsed();
  for (Switchboard::Delivery& delivery : deliveries) {
    arrivals_.OnArrival({delivery.origin, delivery.origin_epoch, delivery.sequence},
                        std::move(delivery.envelope), directory_is_fresh_, now);
  }
  CarryOutArrivals(nullptr);
}

void MessageShell::OnResults(const Answers& results, Switchboard& switchboard) {
  for (const RelaySender::Answer& result : results) {
    arrivals_.OnResult(result.message, result.result);
  }
  CarryOutArrivals(&switchboard);
}

void MessageShell::OnTick(absl::Duration now) {
  arrivals_.OnTick(now);
  CarryOutArrivals(nullptr);
  if (deps_.check == nullptr) return;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->shard->Post([this, lane = lane.get(), now] {
      lane->core.OnTick(now);
      CarryOut(*lane);
    });
  }
}

void MessageShell::CarryOutArrivals(Switchboard* switchboard) {
  arrivals_.Take(&spare_);
  envelopes_refused_ = arrivals_.envelopes_refused();
  for (const std::string& warning : spare_.warnings) LOG(WARNING) << warning;
  if (!spare_.deliveries.empty()) {
    std::vector<std::vector<ShardDelivery>> by_shard(lanes_.size());
    for (auto& theirs : by_shard) theirs.reserve(spare_.deliveries.size());
    for (MessageCore::Delivery& delivery : spare_.deliveries) {
      for (size_t i = 0; i < delivery.shards.size(); ++i) {
        MessageCore::ShardLeg& leg = delivery.shards[i];
        const bool is_last = i + 1 == delivery.shards.size();
        by_shard[leg.shard].push_back({delivery.message,
                                       is_last ? std::move(delivery.envelope) : delivery.envelope,
                                       std::move(leg.sessions)});
      }
    }
    for (size_t shard = 0; shard < by_shard.size(); ++shard) {
      if (by_shard[shard].empty()) continue;
      Lane& lane = *lanes_[shard];
      lane.shard->Post(
          [this, &lane, theirs = std::move(by_shard[shard])] { DeliverOnShard(lane, theirs); });
    }
  }
  const auto tell = [](const std::vector<MessageCore::ArrivalResult>& results, Switchboard& to) {
    for (const MessageCore::ArrivalResult& each : results) {
      to.OnResult(each.arrival.origin, each.arrival.origin_epoch, each.arrival.sequence,
                  each.result);
    }
  };
  if (switchboard != nullptr) return tell(spare_.results, *switchboard);
  if (spare_.results.empty()) return;
  deps_.loop->Post([tell, results = std::exchange(spare_.results, {})](
                       Switchboard& later, absl::Duration) { tell(results, later); });
}

void MessageShell::DeliverOnShard(Lane& lane, const std::vector<ShardDelivery>& deliveries) {
  Answers results;
  results.reserve(deliveries.size());
  for (const ShardDelivery& delivery : deliveries) {
    const Envelope& envelope = delivery.envelope;
    std::string& packet = Scratch();
    AppendReceiveMessage(envelope.from, envelope.time_ms, envelope.body, &packet);
    results.push_back({delivery.message, Push(lane, delivery.sessions, packet)});
  }
  deps_.loop->PostResults(std::move(results));
}

// ---- From any thread.

void MessageShell::OnCheckAnswered(MessageId message, absl::Status answer) {
  if (message.core == kArrivalCore) {
    return deps_.loop->Post([this, message, answer](Switchboard& switchboard, absl::Duration now) {
      arrivals_.OnCheckAnswered(message, answer, now);
      CarryOutArrivals(&switchboard);
    });
  }
  Lane& lane = *lanes_[message.core];
  lane.shard->Post([this, &lane, message, answer = std::move(answer)] {
    lane.core.OnCheckAnswered(message, answer, deps_.clock->Elapsed());
    CarryOut(lane);
  });
}

void MessageShell::ForEachSession(const ForEach& fn) {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->shard->Post([lane = lane.get(), fn] {
      for (const auto& [id, session] : lane->sessions) fn(*session);
    });
  }
}

void MessageShell::OnSession(const SessionRef& ref, const ForEach& fn) {
  Lane& lane = *lanes_[ref.shard];
  lane.shard->Post([&lane, id = ref.id, fn] {
    const auto found = lane.sessions.find(id);
    if (found != lane.sessions.end()) fn(*found->second);
  });
}

void MessageShell::TakeTraffic(size_t talkers_max,
                               const std::function<void(MessageCore::Traffic)>& fn) {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->shard->Post(
        [lane = lane.get(), talkers_max, fn] { fn(lane->core.TakeTraffic(talkers_max)); });
  }
}

void MessageShell::PushTo(absl::string_view user, absl::string_view word, absl::string_view data) {
  for (const SessionRef& ref : deps_.hub->FindHere(user)) {
    OnSession(ref, [word = std::string(word), data = std::string(data)](Session& session) {
      session.Push(word, data);
    });
  }
}

}  // namespace convergia::edge
