#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/status.h"
#include "common/rpc/auth/guarded_call.h"
#include "common/rpc/calls/status.h"

namespace convergia::rpc {

// Answers a unary callback method with the absl::Status that `fn` returns. `fn` runs now, on the
// gRPC thread of the method, and must not block. A caller that may not call the method gets the
// refusal, and `fn` does not run.
//
//   return rpc::Reply(context, [&]() -> absl::Status { ...; return absl::OkStatus(); });
template <typename Fn>
grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, Fn&& fn) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status admitted = Admission(*context);
  reactor->Finish(ToGrpcStatus(admitted.ok() ? std::forward<Fn>(fn)() : admitted));
  return reactor;
}

// The answer to a unary method that is given later, from any thread. Request and response live
// until then. Its destructor answers kInternal if nothing has answered, so a forgotten path cannot
// hang a caller. ReplyLater() makes it.
class LaterReply {
 public:
  LaterReply(LaterReply&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  LaterReply& operator=(LaterReply&&) = delete;
  ~LaterReply() {
    if (reactor_ != nullptr) Finish(absl::InternalError("the server dropped this request"));
  }

  // Answers with `status`. Once.
  void Finish(const absl::Status& status) {
    std::exchange(reactor_, nullptr)->Finish(ToGrpcStatus(status));
  }

 private:
  template <typename Fn>
  friend grpc::ServerUnaryReactor* ReplyLater(grpc::CallbackServerContext* context, Fn&& fn);

  explicit LaterReply(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}

  grpc::ServerUnaryReactor* reactor_;
};

// Hands the answer of a unary method to `fn` as a LaterReply. `fn` runs now, on the gRPC thread of
// the method, and must not block. A caller that may not call the method gets the refusal, and `fn`
// does not run.
//
//   return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
//     if (!queue.TryPost([reply = std::move(reply)]() mutable { reply.Finish(...); })) ...
//   });
template <typename Fn>
grpc::ServerUnaryReactor* ReplyLater(grpc::CallbackServerContext* context, Fn&& fn) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status admitted = Admission(*context);
  if (admitted.ok()) {
    std::forward<Fn>(fn)(LaterReply(reactor));
  } else {
    reactor->Finish(ToGrpcStatus(admitted));
  }
  return reactor;
}

}  // namespace convergia::rpc
