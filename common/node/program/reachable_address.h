#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace convergia::node {

// The address at which other nodes reach a server that listens on `bound` ("host:port"). The result
// is `bound`, unless its host is 0.0.0.0 or ::, which mean all addresses. Then the host becomes the
// local address from which this machine reaches `mgmt_address` ("host:port"), or stays if no such
// address is found. Resolves the name of mgmt, so it may block. Thread-safe.
std::string ReachableAddress(absl::string_view bound, absl::string_view mgmt_address);

}  // namespace convergia::node
