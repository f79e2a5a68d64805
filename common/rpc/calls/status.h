#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

// One of the two places where errors change their form (the other is common/line).
namespace convergia::rpc {

// Code and text stay; a FailCode that Fail() gave travels along in the error details, so that
// FailCodeOf() answers the same on both sides. gRPC cuts very long texts off. Addresses in the
// texts of gRPC itself get their usual form.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace convergia::rpc
