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

// The core of Relocator. It knows which users were told to go to another edge, when each of their
// sessions here may end, and whether this edge drains.
//
// Life of a handoff: Tell(); the client signs in at the other edge; the directory shows it there;
// the client sends QUIT here. The session ends once the directory has shown the new place for
// kGrace, so that the directory of every edge shows it too. If mgmt is away, the session ends after
// kHoldMax. A user who does not go stays. When the time of the drain is over, all remaining
// sessions get BYE, once.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed(). Not thread-safe.
class SessionHandoff {
 public:
  // The time between the news at this edge and at the slowest edge.
  static constexpr absl::Duration kGrace = absl::Seconds(1);
  // A held session ends after this time, wherever its user is.
  static constexpr absl::Duration kHoldMax = absl::Seconds(5);

  // ---- Of sessions.

  // `user`'s session was told to go to `to`. If it is told again, the last place counts, but a held
  // QUIT keeps its time.
  void Tell(uint64_t session, absl::string_view user, NodeId to);

  // The session says QUIT. True if it must stay a little; Tick() names it when it may end.
  bool HoldsQuit(uint64_t session, absl::Duration now);

  void OnClosed(uint64_t session) { told_.erase(session); }

  // ---- The drain.

  // mgmt orders a drain of `within`, or ends it. A repeated order does not extend it.
  void Drain(absl::Duration within, absl::Duration now);
  void Undrain();
  // mgmt repeats an order to drain at once after attach. If mgmt does not repeat the order, the
  // drain is over.
  void OnAttached();
  // The program stops within `within`.
  void DrainToStop(absl::Duration within, absl::Duration now) { stops_at_ = now + within; }

  // True while no client may sign in.
  bool draining() const { return ordered_until_.has_value() || stops_at_.has_value(); }
  // The time until the remaining sessions are closed; infinite if this edge does not drain.
  absl::Duration Left(absl::Duration now) const;

  struct Due {
    std::vector<uint64_t> released;  // Sessions with a held QUIT that may end now, sorted.
    bool bye = false;                // All remaining sessions must be closed.
  };
  // To be called about every 100 ms. `is_at`: the directory shows that user at that edge.
  Due Tick(absl::FunctionRef<bool(const std::string& user, NodeId edge)> is_at, absl::Duration now);

 private:
  struct Told {
    std::string user;
    NodeId to = 0;
    std::optional<absl::Duration> there_since;  // Since when the directory shows it.
    std::optional<absl::Duration> held_since;   // Since its QUIT.
  };
  static bool MayGo(const Told& told, absl::Duration now);

  absl::flat_hash_map<uint64_t, Told> told_;  // By session.
  std::optional<absl::Duration> ordered_until_;
  std::optional<absl::Duration>
      ordered_before_;  // The end of the drain that mgmt ordered before the last attach.
  std::optional<absl::Duration> stops_at_;
  bool said_bye_ = false;
};

}  // namespace convergia::edge
