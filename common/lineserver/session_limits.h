#pragma once

#include <cstddef>

#include "common/base/limits.h"
#include "common/session/limits/limits.h"

namespace convergia::lineserver {

// The limits of one line server's sessions: those of every connection, and those of the protocol.
struct SessionLimits : session::Limits {
  size_t packet_bytes_max_before_sign_in = limits::kPacketBytesMaxBeforeSignIn;
  size_t packet_bytes_max = limits::kPacketBytesMax;
  int requests_outstanding_max = limits::kRequestsOutstandingMax;

  // The bound on bytes of unanswered requests and their answers (Session::Weigh()). The default
  // fits four of the largest, which keeps data servers busy. While it is reached, the client is not
  // read.
  size_t request_bytes_outstanding_max = 4 * 1024 * 1024;

  // The bound on the estimates of unanswered requests' answers (CommandSpec::answer_bytes_max). The
  // sum can exceed it by one answer.
  size_t answers_bytes_max = limits::kAnswersBytesMax;
};

}  // namespace convergia::lineserver
