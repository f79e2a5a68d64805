#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/session/buffer_pool.h"
#include "common/tls/stream.h"

namespace convergia::session {

// The bytes that one connection has yet to write. Its own bytes gather in one buffer, so that they
// leave in one TLS record. Large packets are shared with other connections. Holds no memory while
// empty. The connection enforces the bounds. Not thread-safe.
class Outbox {
 public:
  // The buffer to append to; valid until the next call of any function here.
  std::string* Tail(BufferPool& pool);

  // Appends bytes that other outboxes may share. Small ones are copied.
  void AppendShared(const std::shared_ptr<const std::string>& bytes, BufferPool& pool);

  struct Progress {
    size_t bytes = 0;
    size_t writes = 0;
    bool blocked = false;  // The socket is full.
  };
  // Writes until everything is written or the socket is full.
  //
  // Errors: kUnavailable; the connection is lost.
  absl::StatusOr<Progress> WriteTo(tls::TlsStream& stream, BufferPool& pool);

  size_t bytes() const { return chain_bytes_ + tail_.size() - written_; }
  bool empty() const { return bytes() == 0; }
  void Clear(BufferPool& pool);

 private:
  static constexpr size_t kSharedBytesMin = 8 * 1024;  // A smaller packet is cheaper to copy than
                                                       // to send as its own record.
  static constexpr size_t kCompactBytes = 64 * 1024;

  struct Piece {
    std::string own;
    std::shared_ptr<const std::string> shared;

    absl::string_view bytes() const { return shared != nullptr ? *shared : own; }
  };
  absl::string_view Head() const;
  void Consume(size_t count, BufferPool& pool);

  std::vector<Piece> chain_;  // Before the tail. Empty unless something large is under way.
  std::string tail_;
  size_t written_ = 0;  // Of the head: chain_.front(), or the tail if there is no chain.
  size_t chain_bytes_ = 0;
};

}  // namespace convergia::session
