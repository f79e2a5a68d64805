// Time: what a session may take, and what happens when it has taken it.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/lineserver/server_state.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

absl::Duration Session::NextDeadline() const {
  const SessionLimits& limits = server_.limits;
  absl::Duration next = absl::InfiniteDuration();
  switch (state_) {
    case State::kHandshake:
      return since_ + limits.handshake_timeout;
    case State::kLingering:
      return since_ + limits.linger_max;
    case State::kDoomed:
    case State::kClosed:
      return next;
    case State::kOpen:
    case State::kClosing:
      break;
  }
  if (!signed_in_) next = std::min(next, since_ + origin_.sign_in_timeout);
  next = std::min(next,
                  last_heard_ + (was_pinged_ ? limits.idle_close_after : limits.idle_ping_after));
  if (is_stalled_) next = std::min(next, last_progress_ + limits.outbox_stall_max);
  if (is_rate_paused_) {
    next = std::min(next, shard_->now() + absl::Seconds(1 / limits.messages_per_second));
  }
  return next;
}

void Session::OnDeadline() {
  const absl::Duration now = shard_->now();
  if (OnOverdue(now)) return;
  if (is_rate_paused_ &&
      tokens_.HasToken(now, server_.limits.messages_per_second, server_.limits.messages_burst)) {
    is_rate_paused_ = false;
    shard_->MarkDirty(*this);
  }
  OnSilence(now);
  if (state_ != State::kDoomed && state_ != State::kClosed) SetDeadline();
}

// What ends the session. True if it does.
bool Session::OnOverdue(absl::Duration now) {
  const SessionLimits& limits = server_.limits;
  if (state_ == State::kHandshake && now >= since_ + limits.handshake_timeout) {
    Abort(Counter::kClosedHandshakeTimeout);
  } else if (state_ == State::kLingering && now >= since_ + limits.linger_max) {
    state_ = State::kDoomed;  // Its reason is counted already.
    shard_->MarkDirty(*this);
  } else if (is_stalled_ && now >= last_progress_ + limits.outbox_stall_max) {
    Abort(Counter::kClosedStalled);
  } else if (state_ == State::kOpen && !signed_in_ && !signs_in_ &&
             now >= since_ + origin_.sign_in_timeout) {
    shard_->counters().Add(Counter::kClosedSignInTimeout);
    Close(FailCode::kExpired, "you took too long to sign in; connect again");
    return false;  // The BYE has yet to leave.
  }
  return state_ == State::kDoomed;
}

// The client has said nothing for long: is it still there?
void Session::OnSilence(absl::Duration now) {
  if (state_ != State::kOpen) return;
  if (is_paused_ || signs_in_) {
    last_heard_ = now;  // It is we who do not listen.
    return;
  }
  const absl::Duration silence = now - last_heard_;
  if (silence >= server_.limits.idle_close_after) {
    shard_->counters().Add(Counter::kClosedIdle);
    Close(FailCode::kExpired, "nothing was heard from you for too long; connect again");
  } else if (silence >= server_.limits.idle_ping_after && !was_pinged_) {
    was_pinged_ = true;
    pending_.Shrink();
    Push("PING", "");
  }
}

}  // namespace convergia::lineserver
