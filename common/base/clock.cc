#include "common/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace convergia {

const RealClock& RealClock::Get() {
  static const RealClock* const clock = new RealClock;
  return *clock;
}

absl::Time RealClock::Now() const { return absl::Now(); }

absl::Duration RealClock::Elapsed() const {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Time FakeClock::Now() const {
  absl::MutexLock lock(&mu_);
  return now_;
}

absl::Duration FakeClock::Elapsed() const {
  absl::MutexLock lock(&mu_);
  return elapsed_;
}

void FakeClock::Jump(absl::Duration by) {
  absl::MutexLock lock(&mu_);
  now_ += by;
}

void FakeClock::Advance(absl::Duration by) {
  absl::MutexLock lock(&mu_);
  now_ += by;
  elapsed_ += by;
}

}  // namespace convergia
