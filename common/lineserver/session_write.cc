// Packets out: answers and pushes gather in the outbox and leave at the end of the turn.

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/reply.h"
#include "common/lineserver/server_state.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

void Session::Answer(RequestKey key, const absl::Status& status, absl::string_view data) {
  if (state_ != State::kOpen) return;
  size_t answers = 0;
  const auto write = [&](absl::string_view id, std::string* out) {
    if (status.ok()) {
      line::AppendOk(id, data, out);
    } else {
      line::AppendFail(id, status, out);
    }
  };
  if (!pending_.Finish(key, write, outbox_.Tail(shard_->buffers()), &answers)) return;
  if (absl::IsInternal(status)) LOG(ERROR) << "session " << id_ << ": " << status;
  if (signs_in_ && key.generation == sign_in_generation_) signs_in_ = false;
  shard_->counters().Add(Counter::kPacketsOut, answers);
  shard_->MarkDirty(*this);
}

bool Session::AdmitPush(size_t bytes) {
  if (state_ != State::kOpen) return false;
  // Much in one turn says nothing about the client: let the socket say whether it reads.
  if (push_bytes_ > server_.limits.outbox_bytes_soft) Flush();
  if (state_ != State::kOpen) return false;
  if (push_bytes_ + bytes > server_.limits.outbox_bytes_hard) {
    Abort(Counter::kClosedOutboxFull);
    return false;
  }
  return true;
}

bool Session::Push(absl::string_view word, absl::string_view data) {
  if (!AdmitPush(word.size() + data.size())) return false;
  std::string* const tail = outbox_.Tail(shard_->buffers());
  const size_t before = tail->size();
  line::AppendPush(word, data, tail);
  push_bytes_ += tail->size() - before;
  shard_->counters().Add(Counter::kPacketsOut);
  shard_->MarkDirty(*this);
  return true;
}

bool Session::PushEscaped(absl::string_view packet) {
  if (!AdmitPush(packet.size())) return false;
  absl::StrAppend(outbox_.Tail(shard_->buffers()), packet);
  push_bytes_ += packet.size();
  shard_->counters().Add(Counter::kPacketsOut);
  shard_->MarkDirty(*this);
  return true;
}

bool Session::PushEscaped(const std::shared_ptr<const std::string>& packet) {
  if (!AdmitPush(packet->size())) return false;
  outbox_.AppendShared(packet, shard_->buffers());
  push_bytes_ += packet->size();
  shard_->counters().Add(Counter::kPacketsOut);
  shard_->MarkDirty(*this);
  return true;
}

bool Session::IsCongested() {
  if (state_ != State::kOpen || outbox_.bytes() < server_.limits.outbox_bytes_soft) return false;
  Flush();
  return awaits_writable_ && outbox_.bytes() >= server_.limits.outbox_bytes_soft;
}

void Session::Flush() {
  if (awaits_writable_ || outbox_.empty()) return;
  const absl::StatusOr<Outbox::Progress> progress = outbox_.WriteTo(*stream_, shard_->buffers());
  if (!progress.ok()) return Abort(Counter::kClosedByPeer);
  shard_->counters().Add(Counter::kBytesOut, progress->bytes);
  shard_->counters().Add(Counter::kWrites, progress->writes);
  push_bytes_ = outbox_.empty() ? 0 : push_bytes_ - std::min(push_bytes_, progress->bytes);
  if (!progress->blocked) {
    is_stalled_ = false;
    return;
  }
  if (progress->bytes > 0 || !is_stalled_) last_progress_ = shard_->now();
  is_stalled_ = true;
  SetDeadline();
  AwaitWritable();
}

void Session::AwaitWritable() {
  awaits_writable_ = true;
  stream_->AsyncWaitWritable([self = shared_from_this()](asio::error_code) {
    self->awaits_writable_ = false;
    if (self->state_ == State::kHandshake) return self->ContinueHandshake();
    if (self->state_ != State::kClosed) self->shard_->MarkDirty(*self);
  });
}

// What this session holds of the memory that all share.
void Session::Account() {
  const size_t bytes =
      outbox_.bytes() + pending_.held_bytes() + framer_.partial_bytes() + stash_.size();
  if (bytes == accounted_bytes_) return;
  const int64_t change = static_cast<int64_t>(bytes) - static_cast<int64_t>(accounted_bytes_);
  accounted_bytes_ = bytes;
  const int64_t total = server_.memory_bytes.fetch_add(change) + change;
  if (change > 0 && total > static_cast<int64_t>(server_.limits.memory_bytes_max)) {
    Abort(Counter::kClosedMemory);
  }
}

}  // namespace convergia::lineserver
