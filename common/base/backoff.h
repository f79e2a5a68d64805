#pragma once

#include "absl/time/time.h"
#include "common/base/random.h"

namespace convergia {

// How long to wait before the next try: doubling from `first` to `max`, each wait drawn evenly from
// its upper half, so that many who failed together do not come back together. Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration max, uint64_t seed)
      : first_(first), max_(max), next_(first), rng_(seed) {}

  absl::Duration Next();

  // After a success, or any sign that the other side lives.
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_;
  const absl::Duration max_;
  absl::Duration next_;
  Rng rng_;
};

}  // namespace convergia
