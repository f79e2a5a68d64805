#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace convergia::session {

// A rate with a burst: `per_second` in the long run, `burst` at once. Not thread-safe.
class TokenBucket {
 public:
  TokenBucket(absl::Duration now, double burst) : tokens_(burst), refilled_(now) {}

  // Takes one. False if none is left for the next, which then waits until HasToken().
  bool Take(absl::Duration now, double per_second, double burst) {
    Refill(now, per_second, burst);
    tokens_ -= 1;
    return tokens_ >= 1;
  }

  bool HasToken(absl::Duration now, double per_second, double burst) {
    Refill(now, per_second, burst);
    return tokens_ >= 1;
  }

 private:
  void Refill(absl::Duration now, double per_second, double burst) {
    if (now == refilled_) return;  // Nearly always: a shard's time goes by ticks.
    const double seconds = absl::ToDoubleSeconds(now - refilled_);
    tokens_ = std::min(burst, tokens_ + seconds * per_second);
    refilled_ = now;
  }

  double tokens_;
  absl::Duration refilled_;
};

}  // namespace convergia::session
