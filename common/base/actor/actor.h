#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"

namespace convergia {

// A core with a mailbox: events run one at a time on an executor, in batches, and a turn follows
// each batch. The core needs no mutex.
//
//   Actor actor({.executor = &thread, .clock = &clock},
//               {.turn = [&](absl::Duration now, bool) { core.OnTick(now); return kTick; }});
//   actor.Post([&] { core.OnMessage(message); });
//
// Create -> Start() -> Stop(). Thread-safe. Events posted before Start() wait for it.
class Actor {
 public:
  using Event = absl::AnyInvocable<void()>;
  // Called after each batch of events with the clock's Elapsed(). Returns how long to wait for the
  // next turn if no event comes. `is_last` is true once, in Stop().
  using Turn = absl::AnyInvocable<absl::Duration(absl::Duration now, bool is_last)>;

  struct Deps {
    Executor* executor = nullptr;  // Outlives the actor.
    const Clock* clock = nullptr;  // The same.
  };
  struct Options {
    Turn turn;
    size_t events_max = std::numeric_limits<size_t>::max();  // Of those that wait.
    bool drops_events_at_stop = false;                       // Else Stop() runs them.
  };

  Actor(const Deps& deps, Options options);
  ~Actor() { Stop(); }

  // Runs the first turn. Once.
  void Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Runs a last turn and waits for it. Later events are refused. Idempotent; not from an event.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // False when events_max wait, or after Stop(): `event` was not taken.
  bool Post(Event&& event) ABSL_LOCKS_EXCLUDED(mu_);
  // The same without a bound, for events whose number others bound. False after Stop().
  bool PostUrgent(Event&& event) ABSL_LOCKS_EXCLUDED(mu_);
  // Asks for a turn without an event.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Tasks of the executor hold this, since some may run after the actor is gone.
  struct Handle {
    Actor* actor = nullptr;  // Only on the executor. Null after the last turn.
  };

  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunTurn() ABSL_LOCKS_EXCLUDED(mu_);
  void OnTimer() ABSL_LOCKS_EXCLUDED(mu_);
  void ArmTimer(absl::Duration due);

  const Deps deps_;
  const size_t events_max_;
  const bool drops_events_at_stop_;
  const std::shared_ptr<Handle> handle_;

  // Only on the executor.
  Turn turn_;
  std::vector<Event> running_;                           // Kept for its memory.
  absl::Duration next_turn_ = absl::InfiniteDuration();  // When the next turn is due.
  absl::Duration timer_due_ = absl::InfiniteDuration();  // When the earliest timer fires.

  absl::Mutex mu_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool scheduled_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia
