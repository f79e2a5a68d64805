#pragma once

#include <cmath>

#include "absl/time/time.h"

namespace convergia::mgmt {

// A sum with exponential decay: each half-life halves it, so it describes recent time. Times must
// not go back. Not thread-safe.
class DecayingSum {
 public:
  static constexpr absl::Duration kHalfLife = absl::Minutes(15);

  void Add(double amount, absl::Duration now) {
    sum_ = At(now) + amount;
    at_ = now;
  }
  double At(absl::Duration now) const {
    return sum_ == 0 ? 0 : sum_ * std::exp2(-absl::FDivDuration(now - at_, kHalfLife));
  }
  // The constant rate that would give this sum.
  double PerSecond(absl::Duration now) const {
    return At(now) * std::log(2.0) / absl::ToDoubleSeconds(kHalfLife);
  }

 private:
  double sum_ = 0;
  absl::Duration at_;
};

}  // namespace convergia::mgmt
