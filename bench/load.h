#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/dialect.h"

namespace convergia::bench {

// One connection of the load.
struct LoadConnection {
  std::string host;
  int port = 0;
  std::unique_ptr<Dialect> dialect;
  bool sends = false;
};

struct LoadOptions {
  // Per sender: messages sent and not yet answered (or not delivered, where the server answers
  // nothing).
  int in_flight = 1;
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration run = absl::Seconds(5);

  // The servers under test, whose CPU time is measured.
  std::vector<int> server_pids;
};

struct LoadResult {
  uint64_t messages = 0;  // Sent and answered (or delivered) while measuring.
  uint64_t deliveries = 0;
  absl::Duration elapsed;
  absl::Duration server_cpu;

  // From sending to the answer (or delivery), sampled.
  absl::Duration p50, p99;
};

// Connects all, over TLS, waits until each is ready, then keeps `in_flight` messages under way per
// sender for the given time. Blocks; one thread.
//
// Errors: the first of any connection.
absl::StatusOr<LoadResult> RunLoad(std::vector<LoadConnection> connections,
                                   const LoadOptions& options);

// CPU time that process `pid` used so far; zero if it is gone.
absl::Duration ProcessCpu(int pid);

}  // namespace convergia::bench
