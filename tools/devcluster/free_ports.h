#pragma once

#include <vector>

#include "absl/status/statusor.h"

namespace convergia::devcluster {

// Returns `count` different TCP ports of 127.0.0.1 that are free now, without reserving them. They
// are below Linux's default range for outgoing connections. So no such connection takes the port
// of a killed node before the node starts again.
//
// Errors: kResourceExhausted if 100 random tries for each port do not find enough.
absl::StatusOr<std::vector<int>> FindFreePorts(int count);

}  // namespace convergia::devcluster
