#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/lineserver/session_limits.h"
#include "common/lineserver/session_types.h"
#include "common/session/connection_limiter.h"
#include "common/tls/context.h"

namespace convergia::lineserver {

using session::ConnectionLimiter;

// What all sessions of one server share. For this room only.
struct ServerState {
  ServerState(const SessionLimits& limits, const tls::TlsContext& tls, Authenticator& authenticator,
              SessionObserver* observer, std::string greeting)
      : limits(limits),
        tls(tls),
        authenticator(authenticator),
        observer(observer),
        greeting(std::move(greeting)),
        addresses({.unauthenticated_per_address_max = limits.unauthenticated_per_address_max,
                   .signed_in_per_address_max = limits.signed_in_per_address_max,
                   .connections_max = limits.sessions_max}) {}

  // Constant after construction.
  const SessionLimits limits;
  const tls::TlsContext& tls;
  Authenticator& authenticator;
  SessionObserver* const observer;  // May be null.
  const std::string greeting;       // A whole packet.

  ConnectionLimiter addresses;  // Provides its own synchronization.
  std::atomic<int64_t> memory_bytes = 0;
  std::atomic<bool> draining = false;
};

}  // namespace convergia::lineserver
