#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/status.h"
#include "common/rpc/status.h"

namespace convergia::rpc {

// Answers a unary callback method with what `fn`, which returns absl::Status, makes of it. `fn`
// runs now, on a gRPC thread: it must not block.
//
//   return rpc::Reply(context, [&]() -> absl::Status { ...; return absl::OkStatus(); });
template <typename Fn>
grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, Fn&& fn) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(std::forward<Fn>(fn)()));
  return reactor;
}

// The answer to a unary method that is given later, from any thread. Request and response live
// until then. Dropped without an answer it answers kInternal, so a forgotten path cannot hang a
// caller.
//
//   LaterReply reply(context);
//   auto* reactor = reply.reactor();
//   if (!queue.TryPost([reply = std::move(reply)]() mutable { reply.Finish(...); })) ...
//   return reactor;
class LaterReply {
 public:
  explicit LaterReply(grpc::CallbackServerContext* context) : reactor_(context->DefaultReactor()) {}
  LaterReply(LaterReply&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  LaterReply& operator=(LaterReply&&) = delete;
  ~LaterReply() {
    if (reactor_ != nullptr) Finish(absl::InternalError("the server dropped this request"));
  }

  // What the method returns; ask before moving the reply away.
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  // Once.
  void Finish(const absl::Status& status) {
    std::exchange(reactor_, nullptr)->Finish(ToGrpcStatus(status));
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

}  // namespace convergia::rpc
