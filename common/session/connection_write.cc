// Outgoing bytes: answers and pushes gather in the outbox and leave at the end of the turn.

#include "common/session/connection.h"
#include "common/session/server_state.h"

namespace convergia::session {

bool Connection::AdmitPush(size_t bytes) {
  if (state_ != State::kOpen) return false;
  // Many pushes in one turn prove nothing about the client, so first try whether the socket takes
  // them.
  if (pushes_.bytes() > server_.limits.outbox_bytes_soft) Flush();
  if (state_ != State::kOpen) return false;
  if (pushes_.bytes() + bytes > server_.limits.outbox_bytes_hard) {
    Abort(Counter::kClosedOutboxFull);
    return false;
  }
  return true;
}

bool Connection::PushShared(const std::shared_ptr<const std::string>& bytes) {
  if (!AdmitPush(bytes->size())) return false;
  pushes_.OnPush(outbox_.bytes(), bytes->size());
  outbox_.AppendShared(bytes, shard_->buffers());
  MarkDirty();
  return true;
}

bool Connection::IsCongested() {
  if (state_ != State::kOpen || outbox_.bytes() < server_.limits.outbox_bytes_soft) return false;
  Flush();
  return awaits_writable_ && outbox_.bytes() >= server_.limits.outbox_bytes_soft;
}

void Connection::Flush() {
  if (awaits_writable_ || outbox_.empty()) return;
  const absl::StatusOr<Outbox::Progress> progress = outbox_.WriteTo(*stream_, shard_->buffers());
  if (!progress.ok()) return Abort(Counter::kClosedByPeer);
  counters().Add(Counter::kBytesOut, progress->bytes);
  counters().Add(Counter::kWrites, progress->writes);
  pushes_.OnWritten(progress->bytes, outbox_.empty());
  if (!progress->blocked) {
    is_stalled_ = false;
    return;
  }
  if (progress->bytes > 0 || !is_stalled_) last_progress_ = shard_->now();
  is_stalled_ = true;
  SetDeadline();
  AwaitWritable();
}

void Connection::AwaitWritable() {
  awaits_writable_ = true;
  stream_->AsyncWaitWritable([self = shared_from_this()](asio::error_code) {
    self->awaits_writable_ = false;
    if (self->state_ == State::kHandshake) return self->ContinueHandshake();
    if (self->state_ != State::kClosed) self->MarkDirty();
  });
}

// Updates the sum of the memory that all connections hold.
void Connection::Account() {
  // A dialect that knows of the end holds nothing for long.
  const size_t held = dialect_ == nullptr ? 0 : dialect_->held_bytes();
  const size_t bytes = outbox_.bytes() + held + stash_.size();
  if (bytes == accounted_bytes_) return;
  const int64_t change = static_cast<int64_t>(bytes) - static_cast<int64_t>(accounted_bytes_);
  accounted_bytes_ = bytes;
  server_.memory.Add(change);
}

}  // namespace convergia::session
