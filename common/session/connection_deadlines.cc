// The deadlines of a connection, and what ends it when they pass.

#include <algorithm>

#include "common/session/connection.h"
#include "common/session/listener.h"
#include "common/session/server_state.h"

namespace convergia::session {

absl::Duration Connection::NextDeadline() const {
  const Limits& limits = server_.limits;
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
  if (!is_signed_in_) next = std::min(next, since_ + port_.sign_in_timeout);
  next =
      std::min(next, last_heard_ + (was_idle_ ? limits.idle_close_after : limits.idle_ping_after));
  if (is_stalled_) next = std::min(next, last_progress_ + limits.outbox_stall_max);
  if (is_rate_paused_) {
    next = std::min(next, std::max(messages_.NextToken(limits.messages),
                                   message_bytes_.NextToken(limits.message_bytes)));
  }
  return next;
}

void Connection::OnDeadline() {
  const absl::Duration now = shard_->now();
  if (OnOverdue(now)) return;
  if (is_rate_paused_ && messages_.HasToken(now, server_.limits.messages) &&
      message_bytes_.HasToken(now, server_.limits.message_bytes)) {
    is_rate_paused_ = false;
    MarkDirty();
  }
  OnSilence(now);
  if (state_ != State::kDoomed && state_ != State::kClosed) SetDeadline();
}

// Ends the connection if a deadline has passed. True if it ends without a last word.
bool Connection::OnOverdue(absl::Duration now) {
  const Limits& limits = server_.limits;
  if (state_ == State::kHandshake && now >= since_ + limits.handshake_timeout) {
    Abort(Counter::kClosedHandshakeTimeout);
  } else if (state_ == State::kLingering && now >= since_ + limits.linger_max) {
    state_ = State::kDoomed;  // Its reason is already counted.
    MarkDirty();
  } else if (is_stalled_ && now >= last_progress_ + limits.outbox_stall_max) {
    Abort(Counter::kClosedStalled);
  } else if (state_ == State::kOpen && !is_signed_in_ && !signs_in_ &&
             now >= since_ + port_.sign_in_timeout) {
    counters().Add(Counter::kClosedSignInTimeout);
    Close(FailCode::kExpired, "you took too long to sign in; connect again");
    return false;  // The last word has yet to leave.
  }
  return state_ == State::kDoomed;
}

// The peer has been silent for long. Asks whether it is there, or closes.
void Connection::OnSilence(absl::Duration now) {
  if (state_ != State::kOpen) return;
  if (is_paused_ || signs_in_) {
    last_heard_ = now;  // The connection does not read now, so silence means nothing.
    return;
  }
  const absl::Duration silence = now - last_heard_;
  if (silence >= server_.limits.idle_close_after) {
    counters().Add(Counter::kClosedIdle);
    Close(FailCode::kExpired, "nothing was heard from you for too long; connect again");
  } else if (silence >= server_.limits.idle_ping_after && !was_idle_) {
    was_idle_ = true;
    dialect_->OnIdle();
  }
}

}  // namespace convergia::session
