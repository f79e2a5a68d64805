#pragma once

#include <vector>

#include "common/lineserver/command_table.h"
#include "mgmt/cluster/cluster_loop.h"

namespace convergia::mgmt {

// LISTMAINSERVERS, REPORTMAINSERVERS, CHECKKEY: how a client finds its main server. `loop` outlives
// them.
std::vector<lineserver::CommandSpec> MainServerCommands(ClusterLoop& loop);

}  // namespace convergia::mgmt
