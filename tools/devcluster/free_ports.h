#pragma once

#include <vector>

#include "absl/status/statusor.h"

namespace convergia::devcluster {

// `count` different TCP ports of 127.0.0.1 that nobody uses now. They lie below those that the
// kernel gives to outgoing connections, so that a node that was killed finds its own free again.
//
// Errors: kResourceExhausted if there are not that many.
absl::StatusOr<std::vector<int>> FindFreePorts(int count);

}  // namespace convergia::devcluster
