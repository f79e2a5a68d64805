#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace convergia::node {

// The address at which others reach `bound` ("host:port" as it is listened at): the same, but for a
// host that means "all" it is the one from which this machine reaches `mgmt_address`.
std::string ReachableAddress(absl::string_view bound, absl::string_view mgmt_address);

}  // namespace convergia::node
