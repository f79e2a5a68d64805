#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace convergia::session {

struct Rate {
  double per_second = 1;  // In the long run. Above 0.
  double burst = 1;       // At once. At least 1.
};

// A token bucket. Its rate is given at each call, so a bucket costs two words. Not thread-safe.
class TokenBucket {
 public:
  TokenBucket(absl::Duration now, const Rate& rate) : tokens_(rate.burst), refilled_(now) {}

  // Takes `cost` tokens, and goes into debt if that is more than are left. False if then less than
  // one token is left: the next call must wait for HasToken().
  bool Take(absl::Duration now, const Rate& rate, double cost = 1) {
    Refill(now, rate);
    tokens_ -= cost;
    return tokens_ >= 1;
  }

  bool HasToken(absl::Duration now, const Rate& rate) {
    Refill(now, rate);
    return tokens_ >= 1;
  }

  // When HasToken() is true again if nothing is taken until then.
  absl::Duration NextToken(const Rate& rate) const {
    return refilled_ + absl::Seconds(std::max(0.0, 1 - tokens_) / rate.per_second);
  }

 private:
  void Refill(absl::Duration now, const Rate& rate) {
    if (now == refilled_) return;  // The usual case: a shard's time moves by ticks.
    const double seconds = absl::ToDoubleSeconds(now - refilled_);
    tokens_ = std::min(rate.burst, tokens_ + seconds * rate.per_second);
    refilled_ = now;
  }

  double tokens_;
  absl::Duration refilled_;
};

}  // namespace convergia::session
