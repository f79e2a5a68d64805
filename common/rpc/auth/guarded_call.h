#pragma once

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/status.h"

namespace convergia::rpc {

// The context of every call of the callback API, with the verdict of the server's door (door.h)
// whether the caller may have it. Before the door has looked, the verdict is a refusal.
//
// The verdict is set once, before the method runs; then it may be read from any thread.
class GuardedContext final : public grpc::CallbackServerContext {
 public:
  void set_verdict(absl::Status verdict) { verdict_ = std::move(verdict); }
  const absl::Status& verdict() const { return verdict_; }

 private:
  absl::Status verdict_ = absl::UnauthenticatedError("the door has not looked at this caller");
};

// The verdict on a call of ours. Reply(), ReplyLater(), PeerOf() and ServerStream ask here, so a
// method that uses one of them never acts for a caller that may not call it.
//
// Errors: those of Authorizer::Admit(); kUnauthenticated for a context that no door has seen.
inline absl::Status Admission(const grpc::ServerContextBase& context) {
  const auto* const guarded = dynamic_cast<const GuardedContext*>(&context);
  if (guarded == nullptr) {
    return absl::UnauthenticatedError("this call came to a server without a door");
  }
  return guarded->verdict();
}

}  // namespace convergia::rpc
