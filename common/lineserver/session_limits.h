#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "common/base/limits.h"

namespace convergia::lineserver {

// A quarter of this machine's memory, in bytes.
size_t QuarterOfMemory();

// The bounds of one line server's sessions. The defaults are the system's; an operator may move
// them and a test makes them small.
struct SessionLimits {
  size_t packet_bytes_max_before_sign_in = limits::kPacketBytesMaxBeforeSignIn;
  size_t packet_bytes_max = limits::kPacketBytesMax;
  int requests_outstanding_max = limits::kRequestsOutstandingMax;

  // Of requests that are not answered, with what their answers will take: four of the largest keep
  // data servers busy. Past it nothing more is read from that client.
  size_t request_bytes_outstanding_max = 4 * 1024 * 1024;

  absl::Duration handshake_timeout = limits::kTlsHandshakeTimeout;
  absl::Duration idle_ping_after = limits::kIdlePingAfter;
  absl::Duration idle_close_after = limits::kIdleCloseAfter;
  absl::Duration outbox_stall_max = limits::kOutboxStallMax;
  // How long a closed session waits for the other side to close too, so that it reads our last
  // word.
  absl::Duration linger_max = absl::Seconds(2);

  // Past the soft bound nothing more is read from the client, so its next request runs when its
  // answers have left; those that run already come to answers_bytes_max and one more. Past the hard
  // bound of pushes it is closed.
  size_t outbox_bytes_soft = limits::kOutboxBytesSoft;
  size_t outbox_bytes_hard = limits::kOutboxBytesHard;
  size_t answers_bytes_max = limits::kAnswersBytesMax;
  // Of all sessions together: what clients have not taken, and their unfinished packets.
  size_t memory_bytes_max = QuarterOfMemory();

  double messages_per_second = limits::kMessagesPerSecond;
  double messages_burst = limits::kMessagesBurst;

  int unauthenticated_per_address_max = limits::kUnauthenticatedPerAddressMax;
  int signed_in_per_address_max = limits::kSignedInPerAddressMax;
  int sessions_max = 100'000;  // Of the whole server; at 20 KiB each that is 2 GiB.
};

}  // namespace convergia::lineserver
