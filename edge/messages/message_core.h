#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "edge/directory/directory.h"
#include "edge/directory/sender_check.h"
#include "edge/messages/heavy_hitters.h"
#include "edge/messages/send_order.h"
#include "edge/relay/channel/relay_sender.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Names an envelope from another edge. Switchboard::OnResult() takes the same three values.
struct ArrivalId {
  NodeId origin = 0;
  Epoch origin_epoch = 0;
  uint64_t sequence = 0;

  friend bool operator==(const ArrivalId&, const ArrivalId&) = default;
};

// Decides for each message: its recipients, its order, and what its sender reads.
//
//   from a session:   check -> look up -> order -> legs -> sum -> Answer
//   from the relay:   check -> look up          -> legs -> sum -> ArrivalResult
//
// A leg is one place that a message goes to: the sessions on one shard, or one other edge. Each leg
// has one result. After the last result the sender reads their sum: the number of sessions reached,
// or, if there is none, the most important reason (RelayResult::Add()).
//
// A check (Options::check) may answer later. Until then, later messages of the same sender wait
// behind it; messages of other senders do not. But results of one relay channel go back in order.
// So a slow check of an arrival delays the results of later envelopes from that edge, though not
// their delivery. SendOrder holds a message if its recipient has just moved.
//
// The edge has one core for each shard, which handles messages from the sessions there. It has one
// more for the relay, which handles arrivals. The simulation uses one core for both.
//
// A core: no thread, no I/O, no clock, no lock of its own. `now` is Clock::Elapsed(). It reads the
// hub and its directory, which are tables in memory.
class MessageCore {
 public:
  // The input of a check. The views are valid during the call.
  struct Question {
    MessageId message;
    NodeId origin = 0;  // The edge where `from` is signed in; this edge for its own sessions.
    absl::string_view from;
    absl::string_view to;
  };
  // OK: the message goes on. An error: the sender reads it; a sender on another edge reads only its
  // code. nullopt: OnCheckAnswered() follows. A check must not call the core.
  using Check = std::function<std::optional<absl::Status>(const Question& question)>;

  struct Options {
    uint32_t core = 0;       // MessageId::core of its messages. A shard's core has the shard's
                             // index.
    Check check = nullptr;   // Null: every message passes.
    uint64_t overhead = 40;  // Bytes that a message counts in traffic besides its body.
  };

  // A session that may send. The core owns it.
  class Sender;

  // `hub` must outlive the core.
  MessageCore(const EdgeSessionHub* hub, Options options);
  ~MessageCore();

  // ---- Events of sessions.

  // `session` is signed in as `user`. The returned sender is valid until OnSessionGone().
  Sender* OnSession(uint64_t session, const std::string& user);
  // Drops the sender's waiting messages. Messages under way continue, but nobody reads their
  // results.
  void OnSessionGone(Sender* sender);

  // `sender` sends `body` to the username `to`. Exactly one Answer follows, or Output::dropped.
  MessageId OnMessage(Sender& sender, absl::string_view to, absl::string_view body, int64_t time_ms,
                      absl::Duration now);

  // ---- Events of the relay.

  // An envelope has come from another edge. Exactly one ArrivalResult follows. `is_fresh`: mgmt
  // keeps the directory current, so a sender that it does not list can be refused (SenderCheck).
  void OnArrival(const ArrivalId& arrival, Envelope envelope, bool is_fresh, absl::Duration now);

  // ---- Events of both.

  // The result of one leg. False, without effect, if no leg of that message is under way.
  bool OnResult(MessageId message, const RelayResult& result);

  // The answer to a check that returned nullopt: OK, or the error for the sender. Ignored if the
  // message no longer waits for one.
  void OnCheckAnswered(MessageId message, const absl::Status& answer, absl::Duration now);

  // To be called about every 100 ms. Refuses messages whose check exceeds limits::kMessageCheckMax.
  void OnTick(absl::Duration now);

  // ---- Actions.

  using SessionIds = absl::InlinedVector<uint64_t, 2>;
  struct ShardLeg {
    uint32_t shard = 0;
    SessionIds sessions;
  };
  using ShardLegs = absl::InlinedVector<ShardLeg, 1>;

  // Push the message to these sessions and send it to these edges. Call OnResult() for each leg;
  // for a leg on the core's own shard, do so before the next event. The views are valid until the
  // next event other than OnResult(). For a new message, `body` is the one given to OnMessage().
  struct Departure {
    MessageId message;
    absl::string_view from;
    absl::string_view to;
    absl::string_view body;
    int64_t time_ms = 0;
    ShardLegs shards;
    Places edges;
  };
  // The sender reads OK `sessions`, or `failure` if that is 0. The message's id is free after that.
  struct Answer {
    MessageId message;
    uint32_t sessions = 0;
    absl::Status failure;
  };
  // Push this arrival to these sessions. Call OnResult() for each leg.
  struct Delivery {
    MessageId message;
    Envelope envelope;
    ShardLegs shards;
  };
  // For Switchboard::OnResult().
  struct ArrivalResult {
    ArrivalId arrival;
    RelayResult result;
  };
  struct Output {
    std::vector<Departure> departures;
    std::vector<Answer> answers;
    std::vector<MessageId> dropped;  // Their sessions have closed: no Answer follows.
    std::vector<Delivery> deliveries;
    std::vector<ArrivalResult> results;
    std::vector<std::string> warnings;  // For the log; each kind only once.

    bool empty() const {
      return departures.empty() && answers.empty() && dropped.empty() && deliveries.empty() &&
             results.empty() && warnings.empty();
    }
    void clear() {
      departures.clear();
      answers.clear();
      dropped.clear();
      deliveries.clear();
      results.clear();
      warnings.clear();
    }
  };
  // Swaps all actions since the last call into `*output` and keeps the memory of `*output` for
  // later ones. Carry the actions out in order, before the next event other than OnResult().
  void Take(Output* output) {
    output->clear();
    std::swap(*output, output_);
  }

  // ---- Traffic: what the sessions of this core sent since the last call.

  // A user who sent, and the peers who got most of it.
  struct Talker {
    std::string user;
    std::vector<HeavyHitters::Peer> peers;
  };
  struct Traffic {
    std::vector<Talker> talkers;
    uint64_t bytes_within = 0;  // To sessions of this edge.
    uint64_t bytes_across = 0;  // To other edges, counted once for each.
  };
  // Returns at most `talkers_max` talkers; the next call returns the others.
  Traffic TakeTraffic(size_t talkers_max);

  // Counts arrivals whose sender is not at the edge they come from.
  uint64_t envelopes_refused() const { return envelopes_refused_; }

 private:
  using Whereabouts = EdgeSessionHub::Whereabouts;
  // Messages of one sender that wait. The check of the first one is under way.
  struct Queue {
    std::deque<MessageId> messages;
    size_t bytes = 0;
  };
  // The key of a sender on another edge. The core keeps nothing else about it.
  using Origin = std::pair<NodeId, std::string>;

  // Queued: behind a message of the same sender that is being checked. Held: by SendOrder.
  enum class State { kFree, kNew, kQueued, kChecking, kHeld, kUnderWay };
  // A message, from its event until its answer. Its strings keep their memory for the next message.
  struct Message {
    State state = State::kFree;
    uint32_t use = 0;
    bool is_arrival = false;
    bool is_counted = false;  // SendOrder counts it as under way.
    int legs = 0;             // Without a result.
    RelayResult sum;
    uint64_t session = 0;  // Of the sender. Not for arrivals.
    ArrivalId arrival;
    std::string from;  // Of arrivals.
    std::string to;
    std::string body;  // Only while it has to wait.
    int64_t time_ms = 0;
  };

  MessageId Make();
  void Free(MessageId id);
  Message* Find(MessageId id);
  Message& At(MessageId id) { return messages_[id.slot]; }

  // The queue in which the message waits or would wait; null if there is none now.
  Queue* QueueOf(const Message& message);
  std::optional<absl::Status> Ask(MessageId id);
  // Appends the message to the queue; refuses it if too many bytes wait already.
  void Enqueue(Queue& queue, MessageId id);
  void AwaitAnswer(MessageId id, absl::Duration now);
  // Takes the answer to the check of the first message of its queue. Then checks the following
  // ones, until one has to wait.
  void WorkQueue(MessageId first, absl::Status answer, absl::Duration now);

  // The message has passed its check.
  void Pass(Sender& sender, MessageId id, absl::string_view body);
  void PassArrival(MessageId id);
  void Depart(Sender& sender, MessageId id, absl::string_view body, const Whereabouts& where);
  void DepartHeld(Sender& sender, const std::string& to);
  void CountTraffic(Sender& sender, absl::string_view to, size_t body_bytes,
                    const Whereabouts& where);

  void Refuse(MessageId id, const absl::Status& why);
  void Finish(MessageId id);
  bool IsPlausible(NodeId origin, const std::string& from, bool is_fresh, absl::Duration now);

  Places PlacesOf(const Whereabouts& where) const;
  Sender* FindSender(uint64_t session) const;

  const EdgeSessionHub* const hub_;
  const Options options_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Sender>> senders_;  // By session.
  absl::flat_hash_map<Origin, Queue> arrivals_;                     // Only senders with a check
                                                                    // under way.
  std::deque<Message> messages_;                                    // By slot. Elements never move.
  std::vector<uint32_t> free_slots_;
  std::deque<std::pair<absl::Duration, MessageId>> check_deadlines_;
  Output output_;

  SenderCheck plausible_;
  absl::Duration next_sweep_;
  uint64_t envelopes_refused_ = 0;

  std::vector<uint64_t> talkers_;  // Sessions whose HeavyHitters is not empty.
  uint64_t bytes_within_ = 0;
  uint64_t bytes_across_ = 0;
};

}  // namespace convergia::edge
