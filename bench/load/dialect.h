#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace convergia::bench {

// The content of one piece of input.
struct Tally {
  int answers = 0;      // Acknowledgements of what this connection sent.
  int deliveries = 0;   // Messages from the other end.
  int refusals = 0;     // Of messages that this connection sent,
  std::string refusal;  // and why the last one was.
};

// The protocol of one connection of the load, so that the same generator loads our servers and
// their peers. One per connection; not thread-safe.
class Dialect {
 public:
  virtual ~Dialect() = default;

  // True if the server sends one line in plain text before TLS begins.
  virtual bool greets_in_plain() const { return false; }

  // The bytes to send right after the TLS handshake.
  virtual std::string Opening() = 0;

  // True once messages may be sent and received.
  virtual bool ready() const = 0;

  // True if each message is answered; if not, its delivery makes room for the next one.
  virtual bool answers() const = 0;

  virtual void AppendMessage(std::string* out) = 0;

  // Reads `input`, which it may overwrite; may append an answer to `*out`.
  virtual absl::Status Read(absl::Span<char> input, Tally* tally, std::string* out) = 0;
};

// Signs in as `user` with `*secret`, a password or a ticket, and sends `body` to `to`. Stores the
// ticket that it gets in `*secret`, which must outlive the dialect.
std::unique_ptr<Dialect> MakeConvergiaDialect(std::string user, std::string* secret, std::string to,
                                              std::string body);

// A NATS client that publishes `body` to `to` and is subscribed to `subject`. `verbose`: the server
// answers each publish.
std::unique_ptr<Dialect> MakeNatsDialect(std::string subject, std::string to, std::string body,
                                         bool verbose);

}  // namespace convergia::bench
