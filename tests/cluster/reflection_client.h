#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace convergia::testing {

// Lists the services of a gRPC server by reflection (grpc.reflection.v1alpha), like grpcurl. The
// few messages are encoded by hand, because Debian has no header for that proto.
//
// Errors: the server's, with an absl code.
absl::StatusOr<std::vector<std::string>> ListServices(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace convergia::testing
