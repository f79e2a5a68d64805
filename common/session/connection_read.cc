// Incoming bytes: from the socket to the dialect.

#include "common/session/connection.h"
#include "common/session/server_state.h"

namespace convergia::session {
namespace {

// After so many reads the other connections have their turn.
constexpr int kReadsPerTurnMax = 8;

}  // namespace

void Connection::AwaitReadable() {
  awaits_readable_ = true;
  stream_->AsyncWaitReadable([self = shared_from_this()](asio::error_code) {
    self->awaits_readable_ = false;
    self->OnReadable();  // The next read reports an error again.
  });
}

void Connection::OnReadable() {
  switch (state_) {
    case State::kHandshake:
      return ContinueHandshake();
    case State::kOpen:
      return ContinueReading();
    case State::kClosing:
    case State::kLingering:
      if (stream_->DiscardInput(shard_->read_buffer())) return AwaitReadable();
      if (state_ == State::kLingering) state_ = State::kDoomed;
      return MarkDirty();
    case State::kDoomed:
    case State::kClosed:
      return;
  }
}

void Connection::ContinueReading() {
  is_paused_ = false;
  if (!stash_.empty()) {
    std::string bytes;
    bytes.swap(stash_);
    if (!GiveBytes(absl::MakeSpan(bytes))) return;
  }
  for (int reads = 0; reads < kReadsPerTurnMax; ++reads) {
    const absl::StatusOr<size_t> count = stream_->TryRead(shard_->read_buffer());
    if (!count.ok()) return OnReadError(count.status());
    if (*count == 0) return AwaitReadable();
    last_heard_ = shard_->now();
    was_idle_ = false;
    counters().Add(Counter::kBytesIn, *count);
    if (!GiveBytes(shard_->read_buffer().first(*count))) return;
    if (!stream_->HasPending()) {
      if (dialect_->held_bytes() > 0) Account();  // Without this, only writing accounts for memory.
      return AwaitReadable();
    }
  }
  Pause({});
  MarkDirty();
}

// True if the dialect used up `bytes`; false if nothing further may be read now.
bool Connection::GiveBytes(absl::Span<char> bytes) {
  if (dialect_->OnBytes(&bytes)) return true;
  if (state_ == State::kOpen) {
    Pause(bytes);
    counters().Add(Counter::kReadsPaused);
  }
  return false;
}

bool Connection::CanRead() const {
  return state_ == State::kOpen && !is_ending_ && !signs_in_ && !is_rate_paused_ &&
         outbox_.bytes() < server_.limits.outbox_bytes_soft;
}

void Connection::CountMessage(size_t bytes) {
  const Limits& limits = server_.limits;
  const bool may_send = messages_.Take(shard_->now(), limits.messages);
  const bool may_send_bytes =
      message_bytes_.Take(shard_->now(), limits.message_bytes, static_cast<double>(bytes));
  if (may_send && may_send_bytes) return;
  is_rate_paused_ = true;
  SetDeadline();
}

void Connection::Pause(absl::Span<const char> rest) {
  is_paused_ = true;
  stash_.assign(rest.data(), rest.size());
}

void Connection::OnReadError(const absl::Status& status) {
  if (!absl::IsOutOfRange(status)) return Abort(Counter::kClosedByPeer);
  Finish();  // The peer may still read the answers.
}

}  // namespace convergia::session
