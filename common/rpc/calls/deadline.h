#pragma once

#include <chrono>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace convergia::rpc {

// What ClientContext::set_deadline() takes for "in so long". gRPC counts on the machine's own
// clock.
inline std::chrono::system_clock::time_point DeadlineIn(absl::Duration timeout) {
  return absl::ToChronoTime(RealClock::Get().Now() + timeout);
}

}  // namespace convergia::rpc
