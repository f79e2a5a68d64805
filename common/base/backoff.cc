#include "common/base/backoff.h"

#include <algorithm>
#include <random>

namespace convergia {

absl::Duration Backoff::Next() {
  const absl::Duration step = next_;
  next_ = std::min(next_ * 2, max_);
  std::uniform_real_distribution<double> upper_half(0.5, 1.0);
  return step * upper_half(rng_);
}

}  // namespace convergia
