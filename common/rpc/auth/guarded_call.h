#pragma once

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/status.h"

namespace convergia::rpc {

// The context of every call of the callback API. It holds the verdict of the server's door
// (door.h): OK if the caller may call the method. Before the door sets it, the verdict is a
// refusal.
//
// The door sets the verdict once, before the method runs. After that any thread may read it.
class GuardedContext final : public grpc::CallbackServerContext {
 public:
  void set_verdict(absl::Status verdict) { verdict_ = std::move(verdict); }
  const absl::Status& verdict() const { return verdict_; }

 private:
  absl::Status verdict_ = absl::UnauthenticatedError("the door has not looked at this caller");
};

// The verdict on a call of one of our services. Reply(), ReplyLater(), PeerOf() and ServerStream
// check it, so a method that uses one of them never acts for a caller that may not call it.
//
// Errors: those of Authorizer::Admit(); kUnauthenticated if no door has judged the call.
inline absl::Status Admission(const grpc::ServerContextBase& context) {
  const auto* const guarded = dynamic_cast<const GuardedContext*>(&context);
  if (guarded == nullptr) {
    return absl::UnauthenticatedError("this call came to a server without a door");
  }
  return guarded->verdict();
}

}  // namespace convergia::rpc
