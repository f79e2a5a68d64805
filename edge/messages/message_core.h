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
#include "edge/relay/relay_sender.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Names an envelope from another edge for the switchboard: Switchboard::OnResult() takes the same.
struct ArrivalId {
  NodeId origin = 0;
  Epoch origin_epoch = 0;
  uint64_t sequence = 0;

  friend bool operator==(const ArrivalId&, const ArrivalId&) = default;
};

// Decides for each message who gets it, in what order, and what its sender reads.
//
//   from a session:   check -> look up -> order -> legs -> sum -> Answer
//   from the relay:   check -> look up          -> legs -> sum -> ArrivalResult
//
// A leg is one place that a message goes to: the sessions on one shard, or one other edge. Each leg
// has one result. When the last result is in, the sender reads their sum: the number of sessions
// reached, or if there is none, the most important reason why (RelayResult::Add()).
//
// A check (Options::check) may answer later. Until then the later messages of the same sender wait
// behind it, and nobody else's do. But results of one relay channel go back in order: a check of an
// arrival delays what senders of later envelopes from that edge read, not their delivery. SendOrder
// holds a message whose recipient has just moved.
//
// The edge has one core for each shard, which works for the sessions there, and one for the relay,
// which works for arrivals. The simulation has one for both.
//
// A core: no thread, no I/O, no clock, no lock of its own. `now` is Clock::Elapsed(). It reads the
// hub and its directory, which are tables in memory.
class MessageCore {
 public:
  // What a check looks at. The views live during the call.
  struct Question {
    MessageId message;
    NodeId origin = 0;  // The edge where `from` is signed in; this one for sessions here.
    absl::string_view from;
    absl::string_view to;
  };
  // OK: the message goes on. An error: its sender reads it; on another edge, only its code.
  // nullopt: OnCheckAnswered() follows. A check must not call the core.
  using Check = std::function<std::optional<absl::Status>(const Question& question)>;

  struct Options {
    uint32_t core = 0;       // MessageId::core of all its messages; a shard's core has its index.
    Check check = nullptr;   // Null: every message passes.
    uint64_t overhead = 40;  // What a message counts in traffic besides its body, in bytes.
  };

  // A session that may send. The core owns it.
  class Sender;

  // `hub` must outlive the core.
  MessageCore(const EdgeSessionHub* hub, Options options);
  ~MessageCore();

  // ---- Events of sessions.

  // `session` is signed in as `user`. The sender is valid until OnSessionGone().
  Sender* OnSession(uint64_t session, const std::string& user);
  // What waits of its messages is dropped; what is under way goes on without a reader.
  void OnSessionGone(Sender* sender);

  // `sender` sends `body` to `to`, a username. Exactly one Answer follows, or Output::dropped.
  MessageId OnMessage(Sender& sender, absl::string_view to, absl::string_view body, int64_t time_ms,
                      absl::Duration now);

  // ---- Events of the relay.

  // An envelope from another edge. Exactly one ArrivalResult follows. `is_fresh`: mgmt tells the
  // directory's changes now, so a sender who is not listed can be refused (SenderCheck).
  void OnArrival(const ArrivalId& arrival, Envelope envelope, bool is_fresh, absl::Duration now);

  // ---- Events of both.

  // What became of one leg. False if no leg of that message is under way: nothing changes.
  bool OnResult(MessageId message, const RelayResult& result);

  // The answer to a check that had none: OK, or what the sender reads. Ignored if the message does
  // not wait for one any more.
  void OnCheckAnswered(MessageId message, const absl::Status& answer, absl::Duration now);

  // Every 100 ms or so: refuses messages whose check takes longer than limits::kMessageCheckMax.
  void OnTick(absl::Duration now);

  // ---- Actions.

  using SessionIds = absl::InlinedVector<uint64_t, 2>;
  struct ShardLeg {
    uint32_t shard = 0;
    SessionIds sessions;
  };
  using ShardLegs = absl::InlinedVector<ShardLeg, 1>;

  // Push the message to these sessions and send it to these edges; OnResult() for each leg, and for
  // a leg on the core's own shard before the next event. The views live until the next event but
  // OnResult(); `body` of a message that just came is what OnMessage() was given.
  struct Departure {
    MessageId message;
    absl::string_view from;
    absl::string_view to;
    absl::string_view body;
    int64_t time_ms = 0;
    ShardLegs shards;
    Places edges;
  };
  // The sender reads OK `sessions`, or `failure` if that is none. The name is free after that.
  struct Answer {
    MessageId message;
    uint32_t sessions = 0;
    absl::Status failure;
  };
  // Push this arrival to these sessions; OnResult() for each leg.
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
    std::vector<MessageId> dropped;  // Messages of sessions that have gone: no Answer follows.
    std::vector<Delivery> deliveries;
    std::vector<ArrivalResult> results;
    std::vector<std::string> warnings;  // For the log; each kind once.

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
  // Swaps all that is to be done since the last call into `*output`, whose memory is used again. To
  // be carried out in order, before the next event but OnResult().
  void Take(Output* output) {
    output->clear();
    std::swap(*output, output_);
  }

  // ---- Traffic: what the sessions here sent since the last call.

  // A user who sent, and to whom most of it.
  struct Talker {
    std::string user;
    std::vector<HeavyHitters::Peer> peers;
  };
  struct Traffic {
    std::vector<Talker> talkers;
    uint64_t bytes_within = 0;  // To sessions of this edge.
    uint64_t bytes_across = 0;  // To each other edge.
  };
  // At most `talkers_max` of those who sent; the next call has the others.
  Traffic TakeTraffic(size_t talkers_max);

  // Arrivals whose sender is not where they come from.
  uint64_t envelopes_refused() const { return envelopes_refused_; }

 private:
  using Whereabouts = EdgeSessionHub::Whereabouts;
  // Messages of one sender whose turn has not come: the check of the first is under way.
  struct Queue {
    std::deque<MessageId> messages;
    size_t bytes = 0;
  };
  // The same for senders on other edges, of whom nothing else is kept.
  using Origin = std::pair<NodeId, std::string>;

  // Queued: behind a message of the same sender that is being checked. Held: by SendOrder.
  enum class State { kFree, kNew, kQueued, kChecking, kHeld, kUnderWay };
  // A message, from its event until its answer. Its strings keep their memory for the next one.
  struct Message {
    State state = State::kFree;
    uint32_t use = 0;
    bool is_arrival = false;
    bool is_counted = false;  // SendOrder knows that it left.
    int legs = 0;             // Without a result.
    RelayResult sum;
    uint64_t session = 0;  // The sender's. Not for arrivals.
    ArrivalId arrival;
    std::string from;  // Of arrivals.
    std::string to;
    std::string body;  // If it has to wait.
    int64_t time_ms = 0;
  };

  MessageId Make();
  void Free(MessageId id);
  Message* Find(MessageId id);
  Message& At(MessageId id) { return messages_[id.slot]; }

  // The queue in which the message waits or would wait; null if there is none now.
  Queue* QueueOf(const Message& message);
  std::optional<absl::Status> Ask(MessageId id);
  // Puts the message, which waits, behind the others; refuses it if too many bytes wait already.
  void Enqueue(Queue& queue, MessageId id);
  void AwaitAnswer(MessageId id, absl::Duration now);
  // The check of the first message in its queue has this answer; asks for those behind it, until
  // one has to wait.
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
  absl::flat_hash_map<Origin, Queue> arrivals_;                     // Those with a check under way.
  std::deque<Message> messages_;                                    // By slot; stays in place.
  std::vector<uint32_t> free_slots_;
  std::deque<std::pair<absl::Duration, MessageId>> check_deadlines_;
  Output output_;

  SenderCheck plausible_;
  absl::Duration next_sweep_;
  uint64_t envelopes_refused_ = 0;

  std::vector<uint64_t> talkers_;  // Sessions with something in their HeavyHitters.
  uint64_t bytes_within_ = 0;
  uint64_t bytes_across_ = 0;
};

}  // namespace convergia::edge
