#pragma once

#include <cstddef>

#include "common/base/limits.h"
#include "common/session/limits.h"

namespace convergia::lineserver {

// The bounds of one line server's sessions: those of every connection, and those of the protocol.
struct SessionLimits : session::Limits {
  size_t packet_bytes_max_before_sign_in = limits::kPacketBytesMaxBeforeSignIn;
  size_t packet_bytes_max = limits::kPacketBytesMax;
  int requests_outstanding_max = limits::kRequestsOutstandingMax;

  // Of requests that are not answered, with what their answers will take: four of the largest keep
  // data servers busy. Past it the client is not read.
  size_t request_bytes_outstanding_max = 4 * 1024 * 1024;

  // Answers that are being made come to this and one more.
  size_t answers_bytes_max = limits::kAnswersBytesMax;
};

}  // namespace convergia::lineserver
