#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace convergia::session {

// What a line server counts, by name; every drop and every closed connection has its reason here.
enum class Counter {
  kConnectionsAccepted,
  kConnectionsRefused,  // At accept: too many unauthenticated, or too many in all.
  kAcceptErrors,        // accept(2) failed, as for want of file descriptors.
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
  kReadsPaused,  // A client had to wait: outstanding, outbox or rate.
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

// "connections_accepted", as metrics spell it.
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
