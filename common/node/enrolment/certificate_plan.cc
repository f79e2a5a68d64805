#include "common/node/enrolment/certificate_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::node {

void CertificatePlan::OnCertificate(absl::Time not_before, absl::Time not_after) {
  renew_at_ = not_before + (not_after - not_before) * 2 / 3;
  not_after_ = not_after;
  renewing_ = false;
}

CertificatePlan::Next CertificatePlan::NextStep(absl::Time now, absl::Duration elapsed,
                                                bool is_attached) {
  if (now >= not_after_ && !is_attached) return {Step::kExpire, absl::ZeroDuration()};
  if (!renewing_ && now >= renew_at_ && elapsed >= renew_not_before_) {
    renewing_ = true;
    renew_not_before_ = elapsed + renew_retry_;
    return {Step::kRenew, absl::ZeroDuration()};
  }
  absl::Duration wait = absl::InfiniteDuration();
  if (!renewing_) wait = std::max(renew_at_ - now, renew_not_before_ - elapsed);
  if (!is_attached) wait = std::min(wait, not_after_ - now);
  return {Step::kWait, wait};
}

absl::Status CertificatePlan::Expired() const {
  return Fail(FailCode::kExpired, absl::StrCat("the node's certificate expired at ",
                                               absl::FormatTime(not_after_, absl::UTCTimeZone()),
                                               "; put a join token for this node's name into its "
                                               "join_token_file and start it again"));
}

}  // namespace convergia::node
