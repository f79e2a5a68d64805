#pragma once

#include <string>
#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/members/members_executor.h"

namespace convergia::mgmt {

// ENROL, by which new nodes join. Both outlive the table. `grpc_addresses` are those of mgmt's gRPC
// port for nodes; they must be complete before the first command.
std::vector<lineserver::CommandSpec> EnrolCommands(MembersExecutor& members,
                                                   const std::vector<std::string>& grpc_addresses);

}  // namespace convergia::mgmt
