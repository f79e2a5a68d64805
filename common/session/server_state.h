#pragma once

#include <atomic>
#include <cstdint>

#include "common/session/limits/connection_limiter.h"
#include "common/session/limits/limits.h"
#include "common/tls/context.h"

namespace convergia::session {

// What all connections of one server share. Only for this room.
struct ServerState {
  ServerState(const Limits& limits, const tls::TlsContext& tls)
      : limits(limits),
        tls(tls),
        addresses({.unauthenticated_per_address_max = limits.unauthenticated_per_address_max,
                   .signed_in_per_address_max = limits.signed_in_per_address_max,
                   .connections_max = limits.sessions_max}) {}

  // Constant after construction.
  const Limits limits;
  const tls::TlsContext& tls;

  ConnectionLimiter addresses;  // Provides its own synchronization.
  std::atomic<int64_t> memory_bytes = 0;
  std::atomic<bool> draining = false;
};

}  // namespace convergia::session
