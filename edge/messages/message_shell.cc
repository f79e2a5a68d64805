#include "edge/messages/message_shell.h"

#include <glog/logging.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "common/base/ids.h"
#include "common/base/status_macros.h"

namespace convergia::edge {

using session::Shard;

namespace {

// MessageId::core of arrivals: no shard has this index.
constexpr uint32_t kArrivalCore = std::numeric_limits<uint32_t>::max();

Envelope EnvelopeOf(const MessageCore::Departure& departure) {
  return {.from = std::string(departure.from),
          .to = std::string(departure.to),
          .time_ms = departure.time_ms,
          .body = std::string(departure.body)};
}

ReceivedMessage AsReceived(const Envelope& envelope) {
  return {.from = envelope.from, .time_ms = envelope.time_ms, .body = envelope.body};
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

absl::Status MessageShell::OnSignedIn(EdgeSession& session) {
  const SessionRef& ref = session.ref();
  CVG_RETURN_IF_ERROR(deps_.hub->Add(session.user(), session.account(), ref.id, ref));
  Lane& lane = LaneOf(ref);
  session.sender_ = lane.core.OnSession(ref.id, session.user().str());
  lane.sessions[ref.id] = &session;
  return absl::OkStatus();
}

void MessageShell::OnClosed(EdgeSession& session) {
  const SessionRef& ref = session.ref();
  Lane& lane = LaneOf(ref);
  deps_.hub->Remove(session.user(), ref.id);
  lane.sessions.erase(ref.id);
  lane.core.OnSessionGone(std::exchange(session.sender_, nullptr));
  CarryOut(lane);
}

void MessageShell::Send(EdgeSession& session, const SendMessage& message, SentDone done) {
  const absl::StatusOr<Username> to = Username::Parse(message.to);
  if (!to.ok()) return done(to.status());
  Lane& lane = LaneOf(session.ref());
  const MessageId id =
      lane.core.OnMessage(*session.sender_, to->str(), message.body,
                          absl::ToUnixMillis(deps_.clock->Now()), deps_.clock->Elapsed());
  if (id.slot >= lane.waiting.size()) lane.waiting.resize(id.slot + 1);
  lane.waiting[id.slot] = std::move(done);
  CarryOut(lane);
}

void MessageShell::CarryOut(Lane& lane) {
  MessageCore::Output output = std::move(lane.spare);
  for (lane.core.Take(&output); !output.empty(); lane.core.Take(&output)) {
    for (MessageCore::Departure& departure : output.departures) Depart(lane, departure);
    for (const MessageCore::Answer& answer : output.answers) {
      SentDone done = std::move(lane.waiting[answer.message.slot]);
      if (answer.sessions == 0) {
        done(answer.failure);
      } else {
        done(Sent{.sessions = answer.sessions});
      }
    }
    for (const MessageId message : output.dropped) lane.waiting[message.slot] = SentDone();
    for (const std::string& warning : output.warnings) LOG(WARNING) << warning;
  }
  lane.spare = std::move(output);
}

void MessageShell::Depart(Lane& lane, MessageCore::Departure& departure) {
  SharedEnvelope shared;
  const MessageCore::ShardLeg* here = nullptr;
  for (MessageCore::ShardLeg& leg : departure.shards) {
    Lane& theirs = *lanes_[leg.shard];
    if (&theirs == &lane) {
      here = &leg;
      continue;
    }
    if (shared == nullptr) shared = std::make_shared<const Envelope>(EnvelopeOf(departure));
    PostToShard(theirs, departure.message, std::move(leg.sessions), shared);
  }
  for (const NodeId edge : departure.edges) {
    SendToEdge(
        lane,
        {.message = departure.message, .destination = edge, .envelope = EnvelopeOf(departure)});
  }
  // The last leg, because the views of `departure` end with the last result.
  if (here == nullptr) return;
  const ReceivedMessage message = {
      .from = departure.from, .time_ms = departure.time_ms, .body = departure.body};
  lane.core.OnResult(departure.message, Deliver(lane, here->sessions, message));
}

void MessageShell::PostToShard(Lane& lane, MessageId message, MessageCore::SessionIds sessions,
                               SharedEnvelope envelope) {
  lane.shard->Post(
      [this, &lane, message, sessions = std::move(sessions), envelope = std::move(envelope)] {
        const RelayResult result = Deliver(lane, sessions, AsReceived(*envelope));
        PostResultsToShard(*lanes_[message.core], {{message, result}});
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

RelayResult MessageShell::Deliver(Lane& lane, const MessageCore::SessionIds& sessions,
                                  const ReceivedMessage& message) {
  RelayResult result;
  for (const uint64_t id : sessions) {
    const auto found = lane.sessions.find(id);
    if (found == lane.sessions.end()) continue;
    if (found->second->OnMessage(message)) {
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
    results.push_back(
        {delivery.message, Deliver(lane, delivery.sessions, AsReceived(delivery.envelope))});
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
  Lane& lane = LaneOf(ref);
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

void MessageShell::ForEachOf(absl::string_view user, const ForEach& fn) {
  for (const SessionRef& ref : deps_.hub->FindHere(user)) OnSession(ref, fn);
}

}  // namespace convergia::edge
