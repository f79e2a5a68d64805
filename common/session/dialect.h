#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/fail.h"

namespace convergia::session {

class Connection;

// The protocol that one connection speaks: bytes in, events out. The connection brings TLS, the
// outbox, back-pressure, deadlines and limits, so a dialect only turns bytes into calls of its
// owner, and writes with Connection::out() and Connection::Push().
//
//   OnOpen() -> OnBytes(), OnIdle() ... -> OnClosing() if the server ends it -> OnClosed()
//
// The connection owns its dialect. It calls every function on its shard's thread, and none may
// block. The destructor may run on any thread, after OnClosed().
class Dialect {
 public:
  virtual ~Dialect() = default;

  // The handshake is done. If the server speaks first, it writes its greeting now.
  virtual void OnOpen() {}

  // Takes bytes from the front of `*bytes`, which it advances and may overwrite. True: all are used
  // up. False: no further byte may be read now, by Connection::CanRead() or by CanRead(). The
  // connection keeps the rest, and calls again when both allow it.
  virtual bool OnBytes(absl::Span<char>* bytes) = 0;

  // False while a bound of the dialect's own forbids to read. Connection::MarkDirty() makes the
  // connection ask again; writing does so too.
  virtual bool CanRead() const { return true; }

  // False while a request is unanswered. A connection that reads no further closes when this is
  // true.
  virtual bool IsDone() const { return true; }

  // Bytes that it holds beside the outbox: unfinished input, and answers that wait for an earlier
  // one. They count towards the memory that all connections share.
  virtual size_t held_bytes() const { return 0; }

  // The peer has been silent for Limits::idle_ping_after. May ask whether it is still there.
  virtual void OnIdle() {}

  // The server closes the connection. May write a last word, with the code and the text for people.
  virtual void OnClosing(FailCode /*code*/, absl::string_view /*text*/) {}

  // The connection takes no further bytes or writes. Once, also if it ends without OnClosing().
  virtual void OnClosed() {}
};

// Makes the dialect of a connection whose handshake is done. Thread-safe.
using MakeDialect = std::function<std::unique_ptr<Dialect>(Connection& connection)>;

}  // namespace convergia::session
