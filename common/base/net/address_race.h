#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/base/limits.h"

namespace convergia {

// Which address of a name to connect to, and when: "happy eyeballs" (RFC 8305). The families take
// turns, the resolver's first choice begins, the next address follows after 250 ms or as soon as
// one has failed, the first that connects wins, and the whole attempt has one end.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed(). The shell resolves, reports each
// event once, and does what the answer says; events that come after the end change nothing.
class AddressRace {
 public:
  enum class Family { kIpv4, kIpv6 };
  enum class State {
    kRunning,
    kWon,       // winner() is connected.
    kLost,      // No address is left, or the name has none.
    kTimedOut,  // The time for the whole attempt is over.
    kCancelled,
  };
  // An index counts in the list that was given to OnResolved().
  struct Step {
    std::optional<size_t> start;  // Connect to this one now.
    std::vector<size_t> cancel;   // Give these attempts up.
  };

  // The whole attempt, with resolving, may last until `deadline`.
  explicit AddressRace(absl::Duration deadline) : deadline_(deadline) {}

  // The addresses of the name in the resolver's order; empty: it has none, or resolving failed.
  // Only the first kDialAddressesMax in the order of the race are tried.
  Step OnResolved(const std::vector<Family>& families, absl::Duration now);
  Step OnConnected(size_t index);
  Step OnFailed(size_t index, absl::Duration now);
  Step OnTimer(absl::Duration now);
  Step Cancel() { return End(State::kCancelled); }

  // When OnTimer() is due; calls that come earlier do no harm.
  absl::Duration next_timer() const;

  State state() const { return state_; }
  bool is_over() const { return state_ != State::kRunning; }
  // With kWon.
  size_t winner() const { return winner_; }

  // The order of the race: the resolver's, but the families take turns as long as both last.
  static std::vector<size_t> Interleaved(const std::vector<Family>& families);

 private:
  Step StartNext(absl::Duration now);
  Step End(State state);
  bool Forget(size_t index);  // False: no such attempt is under way.

  const absl::Duration deadline_;
  State state_ = State::kRunning;
  std::vector<size_t> order_;
  size_t next_ = 0;                // In `order_`.
  std::vector<size_t> under_way_;  // In the order of their starts.
  absl::Duration next_start_ = absl::InfiniteDuration();
  size_t winner_ = 0;
};

}  // namespace convergia
