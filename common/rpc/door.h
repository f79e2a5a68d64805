#pragma once

#include <grpcpp/server_builder.h>

#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Has `builder`'s server judge each call by Authorizer before a method sees it.
//
// Calls of our own services get the verdict in their context (guarded_call.h), and the base of
// their reactors answers with it. Calls of gRPC's own services (reflection, health, channelz),
// which know nothing of ours, are cancelled with the verdict as their status, if it is a refusal.
//
// Both outlive the server.
void PutDoor(const CallPolicy& policy, const PinSet& pins, grpc::ServerBuilder* builder);

}  // namespace convergia::rpc
