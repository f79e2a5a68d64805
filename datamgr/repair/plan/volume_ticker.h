#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace convergia::datamgr {

// Decides which periodic work on volumes is due in a round. A core: the time comes in. Not
// thread-safe.
class VolumeTicker {
 public:
  explicit VolumeTicker(absl::Duration plan_every) : plan_every_(plan_every) {}

  struct Due {
    bool mark = false;  // Note which chunk numbers were given by now.
    bool plan = false;  // Plan repair, and look for a volume to sweep.
  };
  // The work that is due at `now`; it counts as done. A mark is due a minute after the
  // last one, or after half of `orphan_age` if that is less.
  Due Next(absl::Duration now, absl::Duration orphan_age) {
    Due due;
    due.mark = now - marked_at_ >= std::min(absl::Minutes(1), orphan_age / 2);
    due.plan = now - planned_at_ >= plan_every_;
    if (due.mark) marked_at_ = now;
    if (due.plan) planned_at_ = now;
    return due;
  }

  // The next round plans.
  void PlanSoon() { planned_at_ = -absl::InfiniteDuration(); }

 private:
  const absl::Duration plan_every_;
  absl::Duration planned_at_ = -absl::InfiniteDuration();
  absl::Duration marked_at_ = -absl::InfiniteDuration();
};

}  // namespace convergia::datamgr
