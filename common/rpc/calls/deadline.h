#pragma once

#include <chrono>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace convergia::rpc {

// The instant `timeout` from now, for ClientContext::set_deadline(). It is of the machine's clock,
// because gRPC compares it with that.
inline std::chrono::system_clock::time_point DeadlineIn(absl::Duration timeout) {
  return absl::ToChronoTime(RealClock::Get().Now() + timeout);
}

}  // namespace convergia::rpc
