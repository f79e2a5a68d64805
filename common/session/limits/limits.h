#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/session/limits/token_bucket.h"

namespace convergia::session {

// A quarter of this machine's memory, in bytes.
size_t QuarterOfMemory();

// The bounds of one server's connections, for every dialect. The defaults are those of the whole
// system. An operator may change them; a test makes them small.
struct Limits {
  absl::Duration handshake_timeout = limits::kTlsHandshakeTimeout;
  absl::Duration idle_ping_after = limits::kIdlePingAfter;
  absl::Duration idle_close_after = limits::kIdleCloseAfter;
  absl::Duration outbox_stall_max = limits::kOutboxStallMax;
  // How long a closed connection waits for the peer to close too, so that the peer can read our
  // last word.
  absl::Duration linger_max = absl::Seconds(2);

  // Past the soft bound, the peer is not read until its answers have left. If pushes exceed the
  // hard bound, the connection closes.
  size_t outbox_bytes_soft = limits::kOutboxBytesSoft;
  size_t outbox_bytes_hard = limits::kOutboxBytesHard;
  // The bound for all connections together: outboxes and Dialect::held_bytes(). In bytes.
  size_t memory_bytes_max = QuarterOfMemory();

  // Messages of one peer, and the bytes of their packets. Past either rate, reading pauses.
  Rate messages = {limits::kMessagesPerSecond, limits::kMessagesBurst};
  Rate message_bytes = {limits::kMessageBytesPerSecond, limits::kMessageBytesBurst};

  int unauthenticated_per_address_max = limits::kUnauthenticatedPerAddressMax;
  int signed_in_per_address_max = limits::kSignedInPerAddressMax;
  int sessions_max = 100'000;  // Of the whole server; at 20 KiB each that is 2 GiB.
};

}  // namespace convergia::session
