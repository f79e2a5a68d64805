#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "edge/relay/switchboard.h"

namespace convergia::edge {

// The actor that runs the switchboard, on a thread of its own. In each turn it takes all waiting
// events, applies them, and carries out the results. So under load one turn serves many messages
// with one wake-up and one frame for each link.
//
// The methods are thread-safe and never block. The callers bound the events: a session has a limit
// of outstanding requests, a link pauses reading (peer_links.h).
class RelayLoop {
 public:
  // The clock, and the functions by which the loop reaches the rest of the edge. It calls them on
  // its thread, without a lock. They must not block.
  struct Deps {
    const Clock* clock = nullptr;
    // Delivers messages to users on this edge. PostResults() follows for each, with an ID that the
    // callee chooses.
    std::function<void(std::vector<Switchboard::Delivery> deliveries)> deliver;
    // Tells the switchboard the results that PostResults() brought.
    std::function<void(std::vector<RelaySender::Answer>& results, Switchboard& switchboard)>
        results;
    // Takes the outcomes of Send(). After Stop() it runs on the thread that calls Send().
    std::function<void(std::vector<RelaySender::Answer> answers)> answer;

    std::function<void(LinkId link, v1::Frame frame)> send_frame;
    std::function<void(LinkId link)> close_link;
    std::function<void(std::vector<Switchboard::LinkView> links)> links_changed;
    std::function<void(std::vector<NodeId> peers)> locations_taken;

    // Runs every kTick.
    std::function<void(absl::Duration now)> tick;
  };

  static constexpr absl::Duration kTick = absl::Milliseconds(100);

  // All of `deps` must be set, and be good from Start() until Stop() has returned.
  RelayLoop(Epoch epoch, const Switchboard::Options& options, Deps deps);
  ~RelayLoop() { Stop(); }

  // Starts the thread, which first processes the events that came before. `self` is this edge.
  void Start(NodeId self);
  // Answers all waiting requests, and waits for the thread. Later events are dropped, except
  // Send(), which is answered at once. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // A message to a user on `destination`; Deps::answer follows.
  struct Request {
    MessageId message;
    NodeId destination = 0;
    Envelope envelope;
  };
  // Sends the messages in this order. Leaves `*requests` empty, with its memory.
  void Send(std::vector<Request>* requests) ABSL_LOCKS_EXCLUDED(mu_);

  // Reports the outcomes of deliveries on this edge.
  void PostResults(std::vector<RelaySender::Answer> results) ABSL_LOCKS_EXCLUDED(mu_);

  // Counts of input since the start that was refused because it could not be true.
  struct Refused {
    uint64_t segments = 0;
    uint64_t routes = 0;
  };
  Refused refused() const { return {segments_refused_, routes_refused_}; }

  // Runs any other event on the loop's thread, in the order of Post().
  using Event = absl::AnyInvocable<void(Switchboard& switchboard, absl::Duration now)>;
  void Post(Event event) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Inbox {
    std::vector<Request> requests;
    std::vector<RelaySender::Answer> results;
    std::vector<Event> events;

    size_t size() const { return requests.size() + results.size() + events.size(); }
    bool empty() const { return requests.empty() && results.empty() && events.empty(); }
    void clear() {
      requests.clear();
      results.clear();
      events.clear();
    }
  };

  // Adds to the inbox with `add(Inbox&)`; a turn follows. Returns false after Stop().
  template <typename Add>
  bool Put(Add&& add) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration Turn(absl::Duration now, bool is_last) ABSL_LOCKS_EXCLUDED(mu_);
  void Work(absl::Duration now);
  void CarryOut(Switchboard::Output output);
  void Abandon();

  const Epoch epoch_;
  const Switchboard::Options options_;
  const Deps deps_;

  // Only the executor's, from Start() on.
  std::optional<Switchboard> switchboard_;
  Inbox taken_;  // Kept for its memory.
  absl::Duration next_tick_;

  absl::Mutex mu_;
  Inbox inbox_ ABSL_GUARDED_BY(mu_);
  bool gathers_ ABSL_GUARDED_BY(mu_) = false;  // A turn comes by itself, soon.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::atomic<uint64_t> segments_refused_ = 0;
  std::atomic<uint64_t> routes_refused_ = 0;

  ThreadExecutor executor_;
  Actor actor_;  // After all that its turns use.
};

}  // namespace convergia::edge
