#pragma once

#include "absl/time/time.h"
#include "common/base/random.h"

namespace convergia {

// Exponential back-off with jitter: the time to wait before the next try. It doubles from `first`
// to `max`. Each wait is drawn evenly from its upper half, so callers that failed together do not
// retry together. Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration max, uint64_t seed)
      : first_(first), max_(max), next_(first), rng_(seed) {}

  absl::Duration Next();

  // Starts again at `first`. Call it after a success, or any sign that the other side is alive.
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_;
  const absl::Duration max_;
  absl::Duration next_;
  Rng rng_;
};

}  // namespace convergia
