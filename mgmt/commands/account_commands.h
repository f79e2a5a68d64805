#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/accounts/accounts_executor.h"
#include "mgmt/line_sessions.h"

namespace convergia::mgmt {

// REGISTERACCOUNT, CONFIRMREGISTERACCOUNT: on every port. `executor` outlives them.
std::vector<lineserver::CommandSpec> RegistrationCommands(AccountsExecutor& executor);

// CHANGEPASSWORD. Both outlive it.
std::vector<lineserver::CommandSpec> AccountCommands(AccountsExecutor& executor,
                                                     LineSessions& sessions);

}  // namespace convergia::mgmt
