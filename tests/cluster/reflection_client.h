#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace convergia::testing {

// Asks a gRPC server for its services by reflection (grpc.reflection.v1alpha), as grpcurl does. Its
// few bytes are written and read by hand: Debian has no header for that proto.
//
// Errors: the server's, as absl code and text.
absl::StatusOr<std::vector<std::string>> ListServices(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace convergia::testing
