#include "common/rpc/streams/standing_plan.h"

#include <algorithm>
#include <utility>

namespace convergia::rpc {
namespace {

StandingPlan::Next Wait(absl::Duration wait) {
  StandingPlan::Next next;
  next.wait = wait;
  return next;
}

StandingPlan::Next Begin(StandingPlan::Step step) {
  StandingPlan::Next next;
  next.step = step;
  return next;
}

}  // namespace

bool StandingPlan::IsFinal(const absl::Status& why, std::optional<Epoch> said,
                           Epoch highest) const {
  // An end without an epoch may be of a server that was replaced, so it is never final.
  const auto& codes = options_.final_codes;
  const bool may_be_final = std::find(codes.begin(), codes.end(), why.code()) != codes.end();
  return may_be_final && said.has_value() && *said >= highest;
}

std::optional<size_t> StandingPlan::Find(const std::string& address) const {
  for (size_t i = 0; i < ring_.size(); ++i) {
    if (ring_[i].address == address) return i;
  }
  return std::nullopt;
}

void StandingPlan::SetAddresses(std::vector<ServerAddress> addresses, absl::Duration elapsed) {
  if (addresses == ring_) return;
  ServerAddress at = address_;
  if (is_down()) at = next_ < ring_.size() ? ring_[next_] : ServerAddress();
  ring_ = std::move(addresses);
  failures_ = 0;
  next_ = static_cast<size_t>(std::find(ring_.begin(), ring_.end(), at) - ring_.begin());
  if (next_ < ring_.size() && !leaves_) return;
  next_ = 0;
  dial_at_ = elapsed;
  leaves_ = !is_down();
}

void StandingPlan::SetWanted(bool wanted, absl::Duration elapsed) {
  if (wanted == wanted_) return;
  wanted_ = wanted;
  dial_at_ = elapsed;
  if (!wanted && !is_down()) leaves_ = true;
}

void StandingPlan::Prefer(const std::string& address, absl::Duration elapsed) {
  const std::optional<size_t> place = Find(address);
  if (!place.has_value()) return;
  if (!is_down() && !leaves_ && address_ == ring_[*place]) return;
  next_ = *place;
  failures_ = 0;
  dial_at_ = elapsed;
  leaves_ = !is_down();
}

void StandingPlan::OnGreeted(absl::Duration elapsed) {
  stream_ = Stream::kUp;
  failures_ = 0;
  beat_at_ = elapsed + options_.first_beat;
  backoff_.Reset();
}

void StandingPlan::OnEnded(const absl::Status& why, std::optional<Epoch> said, Epoch highest,
                           absl::Duration elapsed, const std::string& redirect) {
  const bool was_up = std::exchange(stream_, Stream::kNone) == Stream::kUp;
  beat_at_ = absl::InfiniteDuration();
  if (IsFinal(why, said, highest)) GiveUp(why);
  if (std::exchange(leaves_, false)) {
    dial_at_ = elapsed;  // This side ended it, so it is no failure.
  } else if (was_up) {
    dial_at_ = elapsed + backoff_.Next();
  } else {
    OnFailed(redirect, elapsed);
  }
}

void StandingPlan::OnFailed(const std::string& redirect, absl::Duration elapsed) {
  if (ring_.empty()) return;
  next_ = Find(redirect).value_or((next_ + 1) % ring_.size());
  dial_at_ = elapsed;
  if (++failures_ < ring_.size()) return;
  failures_ = 0;
  dial_at_ += backoff_.Next();
}

void StandingPlan::GiveUp(const absl::Status& why) {
  if (final_.ok()) final_ = why;
}

StandingPlan::Next StandingPlan::Dial(absl::Duration elapsed) {
  stream_ = Stream::kOpening;
  address_ = ring_[next_];
  since_ = elapsed;
  closing_ = cancelled_ = leaves_ = false;
  Next next = Begin(Step::kDial);
  next.address = address_;
  return next;
}

StandingPlan::Next StandingPlan::Cancel(const absl::Status& why) {
  cancelled_ = true;
  Next next = Begin(Step::kCancel);
  next.why = why;
  return next;
}

StandingPlan::Next StandingPlan::NextStep(absl::Duration elapsed) {
  if (!is_down()) return NextOfStream(elapsed);
  if (!final_.ok() && !retired_) {
    if (std::exchange(final_said_, true)) return Wait(absl::InfiniteDuration());
    return Begin(Step::kFinal);
  }
  if (retired_ || !wanted_ || ring_.empty()) return Wait(absl::InfiniteDuration());
  if (elapsed < dial_at_) return Wait(dial_at_ - elapsed);
  return Dial(elapsed);
}

StandingPlan::Next StandingPlan::NextOfStream(absl::Duration elapsed) {
  if (cancelled_) return Wait(absl::InfiniteDuration());
  if (retired_ || !final_.ok()) {
    if (!std::exchange(closing_, true)) {
      close_by_ = retired_ ? absl::InfiniteDuration() : elapsed + options_.farewell;
      return Begin(Step::kClose);
    }
    if (elapsed < close_by_) return Wait(close_by_ - elapsed);
    return Cancel(final_);
  }
  if (leaves_) return Cancel(absl::CancelledError("no longer wanted"));
  if (is_up()) {
    if (elapsed < beat_at_) return Wait(beat_at_ - elapsed);
    beat_at_ = elapsed + options_.beat;
    return Begin(Step::kBeat);
  }
  const absl::Duration greeted_by = since_ + options_.greet_timeout;
  if (elapsed < greeted_by) return Wait(greeted_by - elapsed);
  return Cancel(absl::UnavailableError("it does not answer"));
}

}  // namespace convergia::rpc
