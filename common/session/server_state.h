#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/session/limits/connection_limiter.h"
#include "common/session/limits/limits.h"
#include "common/session/memory_bound.h"
#include "common/session/shard.h"
#include "common/tls/context.h"

namespace convergia::session {

// The state that all connections of one server share. Only for this room.
struct ServerState {
  ServerState(const Limits& limits, const tls::TlsContext& tls,
              const std::vector<std::shared_ptr<Shard>>& shards)
      : limits(limits),
        tls(tls),
        addresses({.unauthenticated_per_address_max = limits.unauthenticated_per_address_max,
                   .signed_in_per_address_max = limits.signed_in_per_address_max,
                   .connections_max = limits.sessions_max}),
        memory(limits.memory_bytes_max, shards) {}

  // Constant after construction.
  const Limits limits;
  const tls::TlsContext& tls;

  ConnectionLimiter addresses;  // Provides its own synchronization.
  MemoryBound memory;           // Likewise.
  std::atomic<bool> draining = false;
};

}  // namespace convergia::session
