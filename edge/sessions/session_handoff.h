#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace convergia::edge {

// The core of Relocator: which users were told to go to another main server, when each of them may
// end the session here, and whether this edge drains.
//
// Life of a handoff: Tell(); the client signs in at the other edge; the directory shows it there;
// the client sends QUIT here. Its session ends once the directory has shown the new place for
// kGrace, so that the directory of every edge does, or after kHoldMax, because mgmt may be away. A
// user who does not go stays. When the time to drain is over, all who are left get BYE, once.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed(). Not thread-safe.
class SessionHandoff {
 public:
  // Between the news reaching this edge and the slowest one.
  static constexpr absl::Duration kGrace = absl::Seconds(1);
  // Then it may go, wherever it is.
  static constexpr absl::Duration kHoldMax = absl::Seconds(5);

  // ---- Of sessions.

  // `user`'s session was told to go to `to`. Told again, elsewhere perhaps: what counts is where it
  // was told last, but a QUIT that is held stays held since then.
  void Tell(uint64_t session, absl::string_view user, NodeId to);

  // It says QUIT. True if it has to stay a little; Tick() names it when it may go.
  bool HoldsQuit(uint64_t session, absl::Duration now);

  void OnClosed(uint64_t session) { told_.erase(session); }

  // ---- The drain.

  // mgmt orders it, for so long; or ends it. What it says again does not give more time.
  void Drain(absl::Duration within, absl::Duration now);
  void Undrain();
  // mgmt repeats an order to drain at once after attach. If mgmt does not repeat the order, the
  // drain is over.
  void OnAttached();
  // The program is about to stop.
  void DrainToStop(absl::Duration within, absl::Duration now) { stops_at_ = now + within; }

  // Nobody may sign in.
  bool draining() const { return ordered_until_.has_value() || stops_at_.has_value(); }
  // Until the sessions of those who stay are closed; infinite if this edge does not drain.
  absl::Duration Left(absl::Duration now) const;

  struct Due {
    std::vector<uint64_t> released;  // Sessions whose QUIT was held, sorted.
    bool bye = false;                // All who are still here are to be closed.
  };
  // To be called every 100 ms or so. `is_at`: by the directory that user is on that edge.
  Due Tick(absl::FunctionRef<bool(const std::string& user, NodeId edge)> is_at, absl::Duration now);

 private:
  struct Told {
    std::string user;
    NodeId to = 0;
    std::optional<absl::Duration> there_since;  // The directory shows it.
    std::optional<absl::Duration> held_since;   // It has said QUIT.
  };
  static bool MayGo(const Told& told, absl::Duration now);

  absl::flat_hash_map<uint64_t, Told> told_;  // By session.
  std::optional<absl::Duration> ordered_until_;
  std::optional<absl::Duration>
      ordered_before_;  // Until when, by the order of the last attachment.
  std::optional<absl::Duration> stops_at_;
  bool said_bye_ = false;
};

}  // namespace convergia::edge
