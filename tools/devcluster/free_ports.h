#pragma once

#include <vector>

#include "absl/status/statusor.h"

namespace convergia::devcluster {

// Returns `count` different TCP ports of 127.0.0.1 that are free now. They are below the kernel's
// range for outgoing connections, so a killed node finds its port free again.
//
// Errors: kResourceExhausted if there are not that many.
absl::StatusOr<std::vector<int>> FindFreePorts(int count);

}  // namespace convergia::devcluster
