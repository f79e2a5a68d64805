#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/accounts/accounts_desk.h"
#include "mgmt/line_sessions.h"

namespace convergia::mgmt {

// REGISTERACCOUNT, CONFIRMREGISTERACCOUNT: on every port. `desk` outlives them.
std::vector<lineserver::CommandSpec> RegistrationCommands(AccountsDesk& desk);

// CHANGEPASSWORD. Both outlive it.
std::vector<lineserver::CommandSpec> PasswordCommands(AccountsDesk& desk, LineSessions& sessions);

}  // namespace convergia::mgmt
