#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/cluster/cluster_loop.h"

namespace convergia::mgmt {

// LISTMAINSERVERS, REPORTMAINSERVERS and CHECKKEY, with which a client finds its main server.
// `loop` outlives the table.
std::vector<lineserver::CommandSpec> MainServerCommands(ClusterLoop& loop);

}  // namespace convergia::mgmt
