#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

// Errors change their form here and in common/line, and nowhere else.
namespace convergia::rpc {

// Keeps code and text; the text is cut after 2000 bytes. A FailCode that Fail() gave travels in the
// error details, so FailCodeOf() returns the same on both sides.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The reverse. In a text without a FailCode, which may be of gRPC itself, addresses get their usual
// form (WithPlainAddresses()).
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace convergia::rpc
