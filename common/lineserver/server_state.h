#pragma once

#include <string>

#include "common/lineserver/session_limits.h"
#include "common/lineserver/session_types.h"

namespace convergia::lineserver {

// The state that all sessions of one server share. Constant, so thread-safe. Only for this room.
struct ServerState {
  const SessionLimits limits;
  Authenticator& authenticator;
  SessionObserver* const observer;  // May be null.
  const std::string greeting;       // A whole packet.
};

}  // namespace convergia::lineserver
