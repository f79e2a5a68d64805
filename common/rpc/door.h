#pragma once

#include <grpcpp/server_builder.h>

#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Makes the server of `builder` judge each call with an Authorizer before a method sees it.
//
// A call of our own services gets the verdict in its context (guarded_call.h). Reply(),
// ReplyLater() and ServerStream answer a refusal with it. A refused call of gRPC's own services
// (reflection, health, channelz) is cancelled with the refusal as its status.
//
// `policy` and `pins` outlive the server.
void PutDoor(const CallPolicy& policy, const PinSet& pins, grpc::ServerBuilder* builder);

}  // namespace convergia::rpc
