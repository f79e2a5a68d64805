#pragma once

#include <string>

#include "edge/core/server_map.h"

namespace convergia::edge {

// The rows of GETSERVERMAP and SERVERMAPUPDATE: id, name, type, online|offline|removed, notes, ids
// of the servers it is connected to.
std::string ServerMapText(const ServerMap& map);

}  // namespace convergia::edge
