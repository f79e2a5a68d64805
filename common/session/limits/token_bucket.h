#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace convergia::session {

// A token bucket: `per_second` in the long run, `burst` at once. Not thread-safe.
class TokenBucket {
 public:
  TokenBucket(absl::Duration now, double burst) : tokens_(burst), refilled_(now) {}

  // Takes a token. False if none is left: the next call must wait for HasToken().
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
    if (now == refilled_) return;  // The usual case: a shard's time moves by ticks.
    const double seconds = absl::ToDoubleSeconds(now - refilled_);
    tokens_ = std::min(burst, tokens_ + seconds * per_second);
    refilled_ = now;
  }

  double tokens_;
  absl::Duration refilled_;
};

}  // namespace convergia::session
