#include "common/store/replicated/lease_plan.h"

#include <algorithm>

namespace convergia::store {

LeasePlan::LeasePlan(const LeaseOptions& options, absl::Duration asked_at)
    : options_(options), ends_at_(asked_at + options.lease), round_at_(asked_at) {}

LeasePlan::Actions LeasePlan::OnTick(absl::Duration now) {
  Actions actions;
  fenced_ = fenced_ || now >= fence_at();
  if (fenced_) {
    actions.fence = true;
    actions.wake_at = absl::InfiniteDuration();
    return actions;
  }
  if (now >= round_at_) {
    round_at_ = now + options_.renew_every;
    is_due_ = true;
    for (const HealthCheck check : kHealthChecks) {
      if (state(check).running_since.has_value()) continue;
      state(check).running_since = now;
      actions.check.push_back(check);
    }
  }
  if (is_due_ && !renewing_since_.has_value() && IsHealthy(now)) {
    is_due_ = false;
    renewing_since_ = now;
    actions.renew = true;
  }
  actions.wake_at = std::min(round_at_, fence_at());
  return actions;
}

bool LeasePlan::IsHealthy(absl::Duration now) const {
  return std::all_of(checks_.begin(), checks_.end(), [&](const CheckState& check) {
    return check.passed.has_value() && now - *check.passed <= options_.lease / 2;
  });
}

void LeasePlan::OnPassed(HealthCheck check) {
  if (!state(check).running_since.has_value()) return;
  state(check).passed = state(check).running_since;
  state(check).running_since.reset();
}

void LeasePlan::OnRenewAnswer(RenewAnswer answer) {
  if (!renewing_since_.has_value()) return;
  if (answer == RenewAnswer::kRenewed) ends_at_ = *renewing_since_ + options_.lease;
  if (answer == RenewAnswer::kGone) fenced_ = true;
  if (answer == RenewAnswer::kNoAnswer) is_due_ = true;
  renewing_since_.reset();
}

}  // namespace convergia::store
