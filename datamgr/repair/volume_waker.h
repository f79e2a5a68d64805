#pragma once

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"

namespace convergia::datamgr {

// The volumes' thread. It runs what other threads post, and after that, and every 200 ms, a round.
//
// Start() -> Stop(). Thread-safe. Events posted before Start() wait for it; Stop() drops those that
// have not run.
class VolumeWaker {
 public:
  struct Deps {
    const Clock* clock = nullptr;                   // Outlives the waker.
    std::function<void(absl::Duration now)> round;  // On the volumes' thread.
  };
  explicit VolumeWaker(Deps deps)
      : actor_({&executor_, deps.clock},
               {.turn =
                    [round = std::move(deps.round)](absl::Duration now, bool is_last) {
                      if (!is_last) round(now);
                      return kRoundEvery;
                    },
                .drops_events_at_stop = true}) {}

  void Start() { actor_.Start(); }
  // Idempotent; not from an event or a round.
  void Stop() { actor_.Stop(); }

  // Asks for a round without an event.
  void Wake() { actor_.Wake(); }
  void Post(Actor::Event event) { actor_.Post(std::move(event)); }

 private:
  static constexpr absl::Duration kRoundEvery = absl::Milliseconds(200);

  ThreadExecutor executor_;
  Actor actor_;
};

}  // namespace convergia::datamgr
