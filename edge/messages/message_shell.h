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
#include "common/lineserver/command_table.h"
#include "common/lineserver/responder.h"
#include "common/lineserver/session.h"
#include "common/session/shard.h"
#include "edge/messages/message_core.h"
#include "edge/relay/relay_loop.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Carries messages from sessions to sessions, as MessageCore decides.
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
  absl::Status OnSignedIn(lineserver::Session& session);
  void OnClosed(lineserver::Session& session);

  // Sends `body` to the user `to`. Answers the number of sessions that got it, or an error of
  // SENDMESSAGE (docs/PROTOCOL.md).
  void Send(lineserver::Session& session, absl::string_view to, absl::string_view body,
            lineserver::Responder responder);

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
  using ForEach = std::function<void(lineserver::Session& session)>;
  void ForEachSession(const ForEach& fn);

  // Calls `fn` on the shard of `ref`, if that session is still open.
  void OnSession(const SessionRef& ref, const ForEach& fn);

  // Calls `fn` with MessageCore::TakeTraffic(), on each shard's thread.
  void TakeTraffic(size_t talkers_max, const std::function<void(MessageCore::Traffic)>& fn);

  // Pushes to every session of `user` on this edge.
  void PushTo(absl::string_view user, absl::string_view word, absl::string_view data);

 private:
  // The data that a session keeps for the shell.
  struct Member final : lineserver::SessionExtension {
    explicit Member(MessageCore::Sender* sender) : sender(sender) {}
    MessageCore::Sender* const sender;
  };
  // One shard's core with its surroundings. Only on the shard's thread.
  struct Lane {
    Lane(session::Shard* shard, const EdgeSessionHub* hub, MessageCore::Options options)
        : shard(shard), core(hub, std::move(options)) {}

    session::Shard* const shard;
    MessageCore core;
    MessageCore::Output spare;  // A member to reuse its memory.
    absl::flat_hash_map<uint64_t, lineserver::Session*> sessions;
    std::vector<lineserver::Responder> responders;  // Of unanswered messages, by slot.
    std::vector<RelayLoop::Request> outbound;       // Of this turn, for the relay loop.
  };
  // An arrival on its way to the sessions of one shard.
  struct ShardDelivery {
    MessageId message;
    Envelope envelope;
    MessageCore::SessionIds sessions;
  };
  using Answers = std::vector<RelaySender::Answer>;
  using SharedPacket = std::shared_ptr<const std::string>;

  Lane& LaneOf(const session::Shard& shard) { return *lanes_[shard.index()]; }

  void CarryOut(Lane& lane);
  void Depart(Lane& lane, MessageCore::Departure& departure);
  void PostToShard(Lane& lane, MessageId message, MessageCore::SessionIds sessions,
                   SharedPacket packet);
  void SendToEdge(Lane& lane, RelayLoop::Request request);
  // Tells the core of each message the result of a leg.
  void PostResultsToShard(Lane& lane, Answers results);
  static RelayResult Push(Lane& lane, const MessageCore::SessionIds& sessions,
                          absl::string_view packet);

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
