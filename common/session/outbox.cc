#include "common/session/outbox.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::session {

std::string* Outbox::Tail(BufferPool& pool) {
  if (tail_.empty()) {
    tail_ = pool.Take();
  } else if (chain_.empty() && written_ >= kCompactBytes && written_ >= tail_.size() / 2) {
    tail_.erase(0, written_);  // Bounds the tail for a slow reader.
    written_ = 0;
  }
  return &tail_;
}

void Outbox::AppendShared(const std::shared_ptr<const std::string>& bytes, BufferPool& pool) {
  if (bytes->size() < kSharedBytesMin) {
    absl::StrAppend(Tail(pool), *bytes);
    return;
  }
  if (!tail_.empty()) {
    chain_bytes_ += tail_.size();
    chain_.push_back({.own = std::move(tail_)});
    tail_.clear();
  }
  chain_bytes_ += bytes->size();
  chain_.push_back({.shared = bytes});
}

absl::string_view Outbox::Head() const {
  const absl::string_view head = chain_.empty() ? absl::string_view(tail_) : chain_.front().bytes();
  return head.substr(written_);
}

void Outbox::Consume(size_t count, BufferPool& pool) {
  written_ += count;
  if (!Head().empty()) return;
  written_ = 0;
  if (chain_.empty()) {
    pool.Give(std::move(tail_));
    tail_ = std::string();
    return;
  }
  chain_bytes_ -= chain_.front().bytes().size();
  chain_.erase(chain_.begin());
  if (chain_.empty()) chain_ = std::vector<Piece>();
}

absl::StatusOr<Outbox::Progress> Outbox::WriteTo(tls::TlsStream& stream, BufferPool& pool) {
  Progress progress;
  while (!empty()) {
    CVG_ASSIGN_OR_RETURN(const size_t count, stream.TryWrite(Head()));
    if (count == 0) {
      progress.blocked = true;
      break;
    }
    progress.bytes += count;
    ++progress.writes;
    Consume(count, pool);
  }
  return progress;
}

void Outbox::Clear(BufferPool& pool) {
  pool.Give(std::move(tail_));
  *this = Outbox();
}

}  // namespace convergia::session
