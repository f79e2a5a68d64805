#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/responder.h"
#include "common/lineserver/session.h"
#include "common/lineserver/shard.h"
#include "edge/directory/sender_check.h"
#include "edge/messages/heavy_hitters.h"
#include "edge/messages/send_order.h"
#include "edge/relay/relay_loop.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Reaches one session. The pointer may be used on the session's own shard only, where the session
// cannot go while it is looked at; elsewhere the id finds it, or finds that it has gone.
struct SessionRef {
  lineserver::Shard* shard = nullptr;
  lineserver::Session* session = nullptr;
  uint64_t id = 0;
};
using EdgeSessionHub = SessionHub<SessionRef>;

// Brings messages from sessions to sessions.
//
//   sender's session -> sessions on the same shard: at once, without a hop
//                    -> sessions on other shards: posted there, the count posted back
//                    -> other edges: an envelope each on the relay loop
//   relay loop       -> sessions here, posted to their shards; the results go back in one batch
//
// What a sender reads is the sum of what was reached; only if that is none, why.
//
// On*() of sessions run on the session's thread, those of RelayLoop::Messages on the loop's.
class MessageShell final : public RelayLoop::Messages {
 public:
  // Both must outlive the router.
  MessageShell(EdgeSessionHub* hub, const Clock* clock);
  ~MessageShell() override;

  // Before any session; both must outlive the last use.
  void Attach(RelayLoop* loop, absl::Span<const std::shared_ptr<lineserver::Shard>> shards);

  // Errors: those of SessionHub::Add().
  absl::Status OnSignedIn(lineserver::Session& session);
  void OnClosed(lineserver::Session& session);

  // SENDMESSAGE to, body.
  void HandleSendMessage(lineserver::Session& session, lineserver::Fields fields,
                         lineserver::Responder responder);

  // Whether mgmt tells the directory's changes now: only then users can be looked for in it to see
  // whether an envelope is from where it says. Thread-safe.
  void SetDirectoryFresh(bool is_fresh) { directory_is_fresh_ = is_fresh; }
  // Envelopes from users who are not where they say. Thread-safe.
  uint64_t envelopes_refused() const { return envelopes_refused_; }

  // Calls `fn` for each signed-in session, on its shard. From any thread.
  using ForEach = std::function<void(lineserver::Session& session)>;
  void ForEachSession(const ForEach& fn);

  // Calls `fn` on the shard of `ref`, if that session is still there. From any thread.
  void OnSession(const SessionRef& ref, const ForEach& fn);

  // What users of one shard sent: to whom most of it, and all in all.
  struct Talker {
    std::string user;
    std::vector<HeavyHitters::Peer> peers;
  };
  struct Traffic {
    std::vector<Talker> talkers;
    uint64_t bytes_within = 0;  // To sessions of this edge.
    uint64_t bytes_across = 0;  // To each other edge.
  };
  // Calls `fn`, on each shard, with what was sent there since the last call: at most `talkers_max`
  // of those who sent; the next call has the others. From any thread.
  void TakeTraffic(size_t talkers_max, const std::function<void(Traffic)>& fn);

  // Pushes to every session that `user` has here. From any thread.
  void PushTo(absl::string_view user, absl::string_view word, absl::string_view data);

  // RelayLoop::Messages:
  void OnDeliveries(std::vector<Switchboard::Delivery> deliveries) override;
  void OnAnswers(std::vector<RelaySender::Answer> answers) override;
  void OnTick(absl::Duration now) override;

 private:
  class Request;
  class Leg;
  struct Held {
    std::string body;
    lineserver::Responder responder;
  };
  struct SessionState {
    SendOrder<Held> order;
    HeavyHitters talks;
  };
  // Of one shard's thread.
  struct Roster {
    lineserver::Shard* shard = nullptr;
    absl::flat_hash_map<uint64_t, lineserver::Session*> sessions;
    std::vector<RelayLoop::Request> outbound;  // Of this turn, for the relay loop.
    std::vector<uint64_t> talkers;             // Sessions whose talks are not empty.
    uint64_t bytes_within = 0;
    uint64_t bytes_across = 0;
  };
  using SessionIds = absl::InlinedVector<uint64_t, 2>;
  struct Spread;
  struct ShardDelivery;
  struct LegAnswer;

  Roster& RosterOf(const lineserver::Shard& shard) { return *rosters_[shard.index()]; }
  static SessionState& StateOf(lineserver::Session& session) {
    return *static_cast<SessionState*>(session.attachment());
  }
  Places PlacesOf(const EdgeSessionHub::Whereabouts& where) const;

  void Dispatch(lineserver::Session& session, absl::string_view to, absl::string_view body,
                const EdgeSessionHub::Whereabouts& where, lineserver::Responder responder);
  void CountTalk(lineserver::Session& session, absl::string_view to, size_t body_bytes,
                 const EdgeSessionHub::Whereabouts& where);
  static Traffic TakeTrafficOf(Roster& roster, size_t talkers_max);
  void SendToEdge(Roster& roster, RelayLoop::Request request);
  void SendToShard(lineserver::Shard& shard, SessionIds ids,
                   std::shared_ptr<const std::string> packet, Leg leg);
  void PushOnShard(Roster& roster, const SessionIds& ids, absl::string_view packet,
                   RelayResult* result);
  void OnLegAnswers(std::vector<LegAnswer> answers);
  void OnRequestDone(Request& request);
  void DispatchHeld(lineserver::Session& session, const std::string& to);
  // Counts those that are not; the first is logged.
  bool IsPlausible(const Switchboard::Delivery& delivery);
  // By the directory `user` is there, or was until a moment ago, or nobody knows who is.
  bool IsListed(NodeId edge, const std::string& user) const;
  // To the shards of `refs`.
  static void Sort(const absl::InlinedVector<SessionRef, 2>& refs, const RelayLoop::Result& result,
                   Envelope envelope, std::vector<std::vector<ShardDelivery>>* by_shard);
  void DeliverOnShard(Roster& roster, std::vector<ShardDelivery> deliveries);

  EdgeSessionHub* const hub_;
  const Clock* const clock_;
  RelayLoop* loop_ = nullptr;
  std::vector<std::unique_ptr<Roster>> rosters_;  // By the shards' index.
  SenderCheck senders_;                           // Of the relay loop's thread.
  absl::Duration next_sweep_;                     // Likewise.
  std::atomic<bool> directory_is_fresh_ = false;
  std::atomic<uint64_t> envelopes_refused_ = 0;
};

}  // namespace convergia::edge
