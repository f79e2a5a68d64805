#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/accounts/accounts_executor.h"
#include "mgmt/line_sessions.h"

namespace convergia::mgmt {

// REGISTERACCOUNT and CONFIRMREGISTERACCOUNT, for every port. `executor` outlives the table.
std::vector<lineserver::CommandSpec> RegistrationCommands(AccountsExecutor& executor);

// CHANGEPASSWORD and MAKEINVITE. Both outlive the table.
std::vector<lineserver::CommandSpec> AccountCommands(AccountsExecutor& executor,
                                                     LineSessions& sessions);

}  // namespace convergia::mgmt
