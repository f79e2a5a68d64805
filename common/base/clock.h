#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia {

// The source of time. Only RealClock asks the machine, so a test controls every second.
//
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall clock, for times that people see and times that outlive the process (expiry dates).
  virtual absl::Time Now() const = 0;

  // Time since a fixed moment of this process; never goes back. For time-outs and rates.
  virtual absl::Duration Elapsed() const = 0;
};

class RealClock final : public Clock {
 public:
  // The one instance; never destroyed.
  static const RealClock& Get();

  absl::Time Now() const override;
  absl::Duration Elapsed() const override;
};

// A clock that moves only by Advance().
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration Elapsed() const override ABSL_LOCKS_EXCLUDED(mu_);
  void Advance(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_);
  // Somebody sets the wall clock; Elapsed() stays.
  void Jump(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  absl::Duration elapsed_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
};

}  // namespace convergia
