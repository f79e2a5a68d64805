#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/load/dialect.h"

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

  // If not 0: messages a second, all senders together, at even times, regardless of what is in
  // flight. Latencies then count from the time at which a message was due.
  double rate = 0;
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration run = absl::Seconds(5);

  // The servers under test, whose CPU time is measured.
  std::vector<int> server_pids = {};
};

struct LoadResult {
  uint64_t messages = 0;  // Sent and answered (or delivered) while measuring.
  uint64_t deliveries = 0;
  absl::Duration elapsed;
  absl::Duration server_cpu;

  // From sending to the answer (or delivery), sampled.
  absl::Duration p50, p99;
};

// Connects all over TLS, and waits until each is ready and each sender has reached its receiver.
// Then sends messages as `options` say, for the given time. Blocks; one thread.
//
// Errors: the first of any connection; a message that is refused.
absl::StatusOr<LoadResult> RunLoad(std::vector<LoadConnection> connections,
                                   const LoadOptions& options);

// The cost of idle sessions.
struct SessionCost {
  absl::Duration sign_in_cpu;  // Of the servers, from the connection to the sign-in's answer.
  double idle_bytes = 0;       // Of their resident memory, each, a second later.
};

// Connects `warm_up`, then `measured`, and keeps all for a second. Blocks; one thread.
absl::StatusOr<SessionCost> MeasureSessions(std::vector<LoadConnection> warm_up,
                                            std::vector<LoadConnection> measured,
                                            const std::vector<int>& server_pids);

// The memory of process `pid` in bytes; zero if it is gone.
int64_t ProcessMemory(int pid);

// The CPU time that process `pid` has used; zero if it is gone.
absl::Duration ProcessCpu(int pid);

}  // namespace convergia::bench
