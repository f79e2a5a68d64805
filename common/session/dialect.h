#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/fail.h"

namespace convergia::session {

class Connection;

// The protocol on one connection: bytes in, events out. The connection provides TLS, the outbox,
// back-pressure, deadlines and limits. A dialect only turns bytes into calls of its owner, and
// writes with Connection::out() and Connection::Push().
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

  // Takes bytes from the front of `*bytes`, which it advances and may overwrite. True: it used all
  // of them. False: Connection::CanRead() or CanRead() forbids reading. The connection keeps the
  // rest, and calls again when both allow it.
  virtual bool OnBytes(absl::Span<char>* bytes) = 0;

  // False while one of the dialect's own bounds forbids reading. The connection asks again after
  // Connection::MarkDirty() and after each write.
  virtual bool CanRead() const { return true; }

  // False while a request is unanswered. A connection that reads no further closes when this is
  // true.
  virtual bool IsDone() const { return true; }

  // Bytes that the dialect holds besides the outbox: unfinished input, and answers that wait for an
  // earlier one. They count towards the memory bound that all connections share.
  virtual size_t held_bytes() const { return 0; }

  // The peer has been silent for Limits::idle_ping_after. The dialect may ask whether it is there.
  virtual void OnIdle() {}

  // The server closes the connection. The dialect may write a last word: the code, and the text for
  // people.
  virtual void OnClosing(FailCode /*code*/, absl::string_view /*text*/) {}

  // The connection takes no further bytes or writes. Comes once, even without OnClosing().
  virtual void OnClosed() {}
};

// Creates the dialect of a connection after its handshake. Thread-safe.
using MakeDialect = std::function<std::unique_ptr<Dialect>(Connection& connection)>;

}  // namespace convergia::session
