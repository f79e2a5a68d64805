#pragma once

#include <array>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// Checks that must pass before a leader asks for more time.
enum class HealthCheck {
  kDisk,  // A probe is written and synced.
  kLoop,  // The server's main loop has turned.
  kLog,   // The log has carried out something that only the leader may do.
};
inline constexpr HealthCheck kHealthChecks[] = {HealthCheck::kDisk, HealthCheck::kLoop,
                                                HealthCheck::kLog};

struct LeaseOptions {
  absl::Duration lease = absl::Seconds(2);
  // The leader stops so long before its lease ends: time to stop, and for clocks that run apart.
  absl::Duration fence_before = absl::Milliseconds(300);
  absl::Duration renew_every = absl::Milliseconds(500);
};

// Keeps the lease of a leader that is healthy, and ends its leadership before its lease does.
//
// The lease is renewed only if every check passed that began within half a lease. So a leader whose
// disk hangs, or whose loop stands still, loses its lease although its network works.
//
// A core: no thread, no I/O. `now` is Clock::Elapsed(). Not thread-safe.
class LeasePlan {
 public:
  // `asked_at`: when the campaign that won was sent first. The lease counts from there.
  LeasePlan(const LeaseOptions& options, absl::Duration asked_at);

  struct Actions {
    std::vector<HealthCheck> check;  // Begin these; OnPassed() when one has passed.
    bool renew = false;              // Renew; then OnRenewAnswer().
    bool fence = false;              // Stop leading at once. True for ever after.
    absl::Duration wake_at;          // The next OnTick(), at the latest.
  };
  // Call it at `wake_at`, and after each of the events below.
  Actions OnTick(absl::Duration now);

  void OnPassed(HealthCheck check);
  void OnRenewAnswer(RenewAnswer answer);

  // Whether this replica surely leads at `now`.
  bool Holds(absl::Duration now) const { return !fenced_ && now < fence_at(); }

 private:
  struct CheckState {
    std::optional<absl::Duration> running_since;
    std::optional<absl::Duration> passed;  // When the last one that passed began.
  };

  absl::Duration fence_at() const { return ends_at_ - options_.fence_before; }
  bool IsHealthy(absl::Duration now) const;
  CheckState& state(HealthCheck check) { return checks_[static_cast<size_t>(check)]; }

  const LeaseOptions options_;
  absl::Duration ends_at_;
  absl::Duration round_at_;  // When checks begin again.
  std::array<CheckState, std::size(kHealthChecks)> checks_;
  bool is_due_ = false;  // The lease is to be renewed once all is healthy.
  std::optional<absl::Duration> renewing_since_;
  bool fenced_ = false;
};

}  // namespace convergia::store
