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

// Brings messages from sessions to sessions: carries out what MessageCore decides.
//
//   sender's session -> sessions on the same shard: at once, without a hop
//                    -> sessions on other shards: posted there, the result posted back
//                    -> other edges: an envelope each on the relay loop
//   relay loop       -> sessions here, posted to their shards; the results go back in one batch
//
// Each shard has a core for its sessions, and the relay loop has one for arrivals: a message
// belongs to one thread from its event to its answer, and MessageId::core says to which.
class MessageShell {
 public:
  // All must outlive the shell, but for their threads.
  struct Deps {
    EdgeSessionHub* hub = nullptr;
    RelayLoop* loop = nullptr;
    const Clock* clock = nullptr;
    // May the message go on? On any shard's thread and the loop's. Null: all may.
    MessageCore::Check check = nullptr;
  };
  explicit MessageShell(Deps deps);
  ~MessageShell();

  // The shards that sessions live on; they must outlive the last call. Before any session.
  void Start(absl::Span<const std::shared_ptr<session::Shard>> shards);

  // ---- On the session's thread.

  // Errors: those of SessionHub::Add().
  absl::Status OnSignedIn(lineserver::Session& session);
  void OnClosed(lineserver::Session& session);

  // Sends `body` to the user `to`. The answer is the number of sessions that got it, or an error of
  // SENDMESSAGE (docs/PROTOCOL.md).
  void Send(lineserver::Session& session, absl::string_view to, absl::string_view body,
            lineserver::Responder responder);

  // ---- On the relay loop's thread: what RelayLoop::Deps wants done.

  void OnDeliveries(std::vector<Switchboard::Delivery> deliveries);
  void OnResults(const std::vector<RelaySender::Answer>& results, Switchboard& switchboard);
  // From any thread.
  void OnAnswers(const std::vector<RelaySender::Answer>& answers);
  void OnTick(absl::Duration now);

  // ---- From any thread.

  // The answer to a Deps::check that had none.
  void OnCheckAnswered(MessageId message, absl::Status answer);

  // Whether mgmt tells the directory's changes now: only then a sender who is not listed is
  // refused.
  void SetDirectoryFresh(bool is_fresh) { directory_is_fresh_ = is_fresh; }
  // Envelopes from users who are not where they say.
  uint64_t envelopes_refused() const { return envelopes_refused_; }

  // Calls `fn` for each signed-in session, on its shard.
  using ForEach = std::function<void(lineserver::Session& session)>;
  void ForEachSession(const ForEach& fn);

  // Calls `fn` on the shard of `ref`, if that session is still there.
  void OnSession(const SessionRef& ref, const ForEach& fn);

  // Calls `fn`, on each shard, with MessageCore::TakeTraffic().
  void TakeTraffic(size_t talkers_max, const std::function<void(MessageCore::Traffic)>& fn);

  // Pushes to every session that `user` has here.
  void PushTo(absl::string_view user, absl::string_view word, absl::string_view data);

 private:
  // What a session keeps for the shell.
  struct Member final : lineserver::SessionExtension {
    explicit Member(MessageCore::Sender* sender) : sender(sender) {}
    MessageCore::Sender* const sender;
  };
  // One shard's core and what is around it. Only on the shard's thread.
  struct Lane {
    Lane(session::Shard* shard, const EdgeSessionHub* hub, MessageCore::Options options)
        : shard(shard), core(hub, std::move(options)) {}

    session::Shard* const shard;
    MessageCore core;
    MessageCore::Output spare;  // Kept for its memory.
    absl::flat_hash_map<uint64_t, lineserver::Session*> sessions;
    std::vector<lineserver::Responder> responders;  // Of messages without an answer, by slot.
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
  // Tells the core of each message what became of a leg.
  void PostResultsToShard(Lane& lane, Answers results);
  static RelayResult Push(Lane& lane, const MessageCore::SessionIds& sessions,
                          absl::string_view packet);

  // `switchboard`: null if it cannot be told now; then it is by a post.
  void CarryOutArrivals(Switchboard* switchboard);
  void DeliverOnShard(Lane& lane, const std::vector<ShardDelivery>& deliveries);

  const Deps deps_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // By the shards' index; constant after Start().
  MessageCore arrivals_;                      // Of the relay loop's thread.
  MessageCore::Output spare_;                 // Likewise.
  std::atomic<bool> directory_is_fresh_ = false;
  std::atomic<uint64_t> envelopes_refused_ = 0;
};

}  // namespace convergia::edge
