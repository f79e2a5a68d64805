#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/own_sessions.h"

namespace convergia::mgmt {

// LISTSESSIONS and ENDSESSION. `sessions` outlives the table.
std::vector<lineserver::CommandSpec> SessionCommands(OwnSessions& sessions);

}  // namespace convergia::mgmt
