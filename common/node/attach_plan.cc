#include "common/node/attach_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::node {
namespace {

bool IsFinal(const absl::Status& why) {
  switch (why.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool EndsNode(const absl::Status& why, std::optional<Epoch> said, Epoch highest) {
  return IsFinal(why) && said.has_value() && *said >= highest;
}

void AttachPlan::OnCertificate(absl::Time not_before, absl::Time not_after) {
  renew_at_ = not_before + (not_after - not_before) * 2 / 3;
  not_after_ = not_after;
  renewing_ = false;
}

void AttachPlan::OnRenewFailed() { renewing_ = false; }

void AttachPlan::OnAttached(absl::Duration elapsed) {
  stream_ = Stream::kAttached;
  beat_at_ = elapsed;
  backoff_.Reset();
}

void AttachPlan::OnDetached(const absl::Status& why, std::optional<Epoch> said, Epoch highest,
                            absl::Duration elapsed) {
  stream_ = Stream::kNone;
  beat_at_ = absl::InfiniteDuration();
  if (EndsNode(why, said, highest)) return OnExpelled(why);
  attach_at_ = elapsed + backoff_.Next();
}

void AttachPlan::OnExpelled(const absl::Status& why) {
  if (final_status_.ok()) final_status_ = why;
}

AttachPlan::Next AttachPlan::NextStep(absl::Time now, absl::Duration elapsed) {
  const auto step = [](Step what) { return Next{what, absl::ZeroDuration()}; };
  if (final_status_.ok() && now >= not_after_ && stream_ == Stream::kNone) {
    final_status_ =
        Fail(FailCode::kExpired, absl::StrCat("the node's certificate expired at ",
                                              absl::FormatTime(not_after_, absl::UTCTimeZone()),
                                              "; put a join token for this node's name into its "
                                              "join_token_file and start it again"));
  }
  if (!final_status_.ok()) return step(Step::kGiveUp);
  if (!renewing_ && now >= renew_at_ && elapsed >= renew_not_before_) {
    renewing_ = true;
    renew_not_before_ = elapsed + options_.renew_retry;
    return step(Step::kRenew);
  }
  absl::Duration wait = absl::InfiniteDuration();
  if (!renewing_) wait = std::max(renew_at_ - now, renew_not_before_ - elapsed);
  switch (stream_) {
    case Stream::kNone:
      if (elapsed >= attach_at_) {
        stream_ = Stream::kOpening;
        stream_since_ = elapsed;
        abandoned_ = false;
        return step(Step::kAttach);
      }
      return {Step::kWait, std::min({wait, attach_at_ - elapsed, not_after_ - now})};
    case Stream::kOpening:
      if (abandoned_) return {Step::kWait, wait};
      if (elapsed >= stream_since_ + options_.attach_timeout) {
        abandoned_ = true;
        return step(Step::kAbandon);
      }
      return {Step::kWait, std::min(wait, stream_since_ + options_.attach_timeout - elapsed)};
    case Stream::kAttached:
      if (elapsed >= beat_at_) {
        beat_at_ = elapsed + options_.heartbeat;
        return step(Step::kBeat);
      }
      return {Step::kWait, std::min(wait, beat_at_ - elapsed)};
  }
  return {Step::kWait, wait};
}

}  // namespace convergia::node
