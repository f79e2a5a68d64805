#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/session/shard.h"
#include "edge/core/talk.h"
#include "edge/messages/edge_session.h"
#include "edge/messages/message_core.h"
#include "edge/relay/relay_loop.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Carries messages from sessions to sessions, as MessageCore decides. It knows sessions of all
// dialects as EdgeSession, and finds them for the edge's other rooms.
//
//   sender's session -> sessions on the same shard: at once, without a hop
//                    -> sessions on other shards: posted there, the result posted back
//                    -> other edges: an envelope each on the relay loop
//   relay loop       -> sessions here, posted to their shards; the results go back in one batch
//
// Each shard has a core for its sessions, and the relay loop has one for arrivals. A message
// belongs to one thread from its event to its answer; MessageId::core names that thread.
class MessageShell {
 public:
  // All must outlive the shell; their threads may stop earlier.
  struct Deps {
    EdgeSessionHub* hub = nullptr;
    RelayLoop* loop = nullptr;
    const Clock* clock = nullptr;
    // Decides whether a message may go on. Runs on any shard's thread and on the loop's. Null: all
    // may.
    MessageCore::Check check = nullptr;
  };
  explicit MessageShell(Deps deps);
  ~MessageShell();

  // The shards on which sessions live; they must outlive the last call. Call this before any
  // session.
  void Start(absl::Span<const std::shared_ptr<session::Shard>> shards);

  // ---- On the session's thread.

  // Errors: those of SessionHub::Add().
  // `session` must outlive OnClosed(), which follows once if this returns OK.
  absl::Status OnSignedIn(EdgeSession& session);
  void OnClosed(EdgeSession& session);

  // Runs `message` for the user of `session`. Errors: those of SENDMESSAGE (docs/PROTOCOL.md).
  void Send(EdgeSession& session, const SendMessage& message, SentDone done);

  // ---- On the relay loop's thread: the callbacks of RelayLoop::Deps.

  void OnDeliveries(std::vector<Switchboard::Delivery> deliveries);
  void OnResults(const std::vector<RelaySender::Answer>& results, Switchboard& switchboard);
  // From any thread.
  void OnAnswers(const std::vector<RelaySender::Answer>& answers);
  void OnTick(absl::Duration now);

  // ---- From any thread.

  // The answer to a Deps::check that returned nullopt.
  void OnCheckAnswered(MessageId message, absl::Status answer);

  // Says whether mgmt keeps the directory current. Only then, senders that the directory does not
  // list are refused.
  void SetDirectoryFresh(bool is_fresh) { directory_is_fresh_ = is_fresh; }
  // Counts envelopes whose sender is not at the edge they come from.
  uint64_t envelopes_refused() const { return envelopes_refused_; }

  // Calls `fn` for each signed-in session, on its shard.
  using ForEach = std::function<void(EdgeSession& session)>;
  void ForEachSession(const ForEach& fn);

  // Calls `fn` on the shard of `ref`, if that session is still open.
  void OnSession(const SessionRef& ref, const ForEach& fn);

  // Calls `fn` with MessageCore::TakeTraffic(), on each shard's thread.
  void TakeTraffic(size_t talkers_max, const std::function<void(MessageCore::Traffic)>& fn);

  // Calls `fn` for each session of `user` on this edge, on its shard.
  void ForEachOf(absl::string_view user, const ForEach& fn);

 private:
  // One shard's core with its surroundings. Only on the shard's thread.
  struct Lane {
    Lane(session::Shard* shard, const EdgeSessionHub* hub, MessageCore::Options options)
        : shard(shard), core(hub, std::move(options)) {}

    session::Shard* const shard;
    MessageCore core;
    MessageCore::Output spare;  // A member to reuse its memory.
    absl::flat_hash_map<uint64_t, EdgeSession*> sessions;
    std::vector<SentDone> waiting;             // For the results of messages, by slot.
    std::vector<RelayLoop::Request> outbound;  // Of this turn, for the relay loop.
  };
  // An arrival on its way to the sessions of one shard.
  struct ShardDelivery {
    MessageId message;
    Envelope envelope;
    MessageCore::SessionIds sessions;
  };
  using Answers = std::vector<RelaySender::Answer>;
  using SharedEnvelope = std::shared_ptr<const Envelope>;

  Lane& LaneOf(const SessionRef& ref) { return *lanes_[ref.shard]; }

  void CarryOut(Lane& lane);
  void Depart(Lane& lane, MessageCore::Departure& departure);
  void PostToShard(Lane& lane, MessageId message, MessageCore::SessionIds sessions,
                   SharedEnvelope envelope);
  void SendToEdge(Lane& lane, RelayLoop::Request request);
  // Tells the core of each message the result of a leg.
  void PostResultsToShard(Lane& lane, Answers results);
  static RelayResult Deliver(Lane& lane, const MessageCore::SessionIds& sessions,
                             const ReceivedMessage& message);

  // If `switchboard` is null, the results are posted to it.
  void CarryOutArrivals(Switchboard* switchboard);
  void DeliverOnShard(Lane& lane, const std::vector<ShardDelivery>& deliveries);

  const Deps deps_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // By the shards' index; constant after Start().
  MessageCore arrivals_;                      // Only on the relay loop's thread.
  MessageCore::Output spare_;                 // Likewise.
  std::atomic<bool> directory_is_fresh_ = false;
  std::atomic<uint64_t> envelopes_refused_ = 0;
};

}  // namespace convergia::edge
