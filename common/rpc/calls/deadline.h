#pragma once

#include <chrono>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace convergia::rpc {

// The instant `timeout` from now, for calls of gRPC that take a deadline, for example
// ClientContext::set_deadline(). It is counted from RealClock, because gRPC compares deadlines with
// the machine's clock.
inline std::chrono::system_clock::time_point DeadlineIn(absl::Duration timeout) {
  return absl::ToChronoTime(RealClock::Get().Now() + timeout);
}

}  // namespace convergia::rpc
