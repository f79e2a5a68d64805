#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace convergia::session {

// The counters of a server. Every dropped packet and every closed connection is counted by reason.
enum class Counter {
  kConnectionsAccepted,
  kConnectionsRefused,  // At accept: too many unauthenticated, or too many in all.
  kAcceptErrors,        // accept(2) failed, for example because no file descriptor was left.
  kHandshakes,          // That succeeded.
  kHandshakesFailed,
  kPlainText,  // Connections that did not speak TLS.
  kSignIns,
  kSignInsFailed,
  kPacketsIn,
  kPacketsEmpty,
  kPacketsBad,  // BADPACKET.
  kPacketsTooLong,
  kRequestsUnknown,
  kPacketsOut,  // Answers and pushes.
  kBytesIn,     // Inside TLS.
  kBytesOut,
  kWrites,       // SSL_write calls that took something.
  kReadsPaused,  // A client had to wait: requests outstanding, outbox or rate.
  kClosedHandshakeTimeout,
  kClosedSignInTimeout,
  kClosedIdle,
  kClosedStalled,  // No progress in writing.
  kClosedOutboxFull,
  kClosedMemory,   // All outboxes together were over their bound.
  kClosedTooLong,  // Before sign-in.
  kClosedByPeer,
  kClosedByServer,  // Close(), drain.
  kCount,
};

// The name in metrics: "connections_accepted".
absl::string_view CounterName(Counter counter);

using CounterValues = std::array<uint64_t, static_cast<size_t>(Counter::kCount)>;

// The counters of one shard: written by its thread only, read by all.
class ShardCounters {
 public:
  void Add(Counter counter, uint64_t count = 1) {
    std::atomic<uint64_t>& value = values_[static_cast<size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  void AddTo(CounterValues* sums) const {
    for (size_t i = 0; i < values_.size(); ++i) {
      (*sums)[i] += values_[i].load(std::memory_order_relaxed);
    }
  }

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> values_ = {};
};

}  // namespace convergia::session
