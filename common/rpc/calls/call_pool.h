#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/calls/deadline.h"
#include "common/rpc/calls/status.h"

namespace convergia::rpc {

// Unary calls under way to other nodes. Each has a deadline, their number is bounded, and Stop()
// ends them all. Thread-safe.
//
//   calls.Call(stub->async(), &v1::Accounts::StubInterface::async_interface::SignIn, request,
//              absl::Seconds(10), [](absl::StatusOr<v1::SignInResponse> response) { ... });
class CallPool {
 public:
  explicit CallPool(int calls_max) : calls_max_(calls_max) {}
  ~CallPool() { Stop(); }

  // Calls `method` of `stub`, which comes from `->async()` and outlives the call. `timeout` counts
  // from now.
  //
  // `done` is called exactly once, with the response or the error of FromGrpcStatus(). It runs on a
  // gRPC thread. It runs on the caller's thread, at once, with FailCode::kBusy if `calls_max` calls
  // are under way, and with kCancelled after Stop(). It must not block, and must not Stop() the
  // pool.
  template <typename Async, typename Request, typename Response>
  void Call(std::type_identity_t<Async>* stub,
            void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                  std::function<void(grpc::Status)>),
            std::type_identity_t<Request> request, absl::Duration timeout,
            std::type_identity_t<absl::AnyInvocable<void(absl::StatusOr<Response>)>> done) {
    struct Pending {
      grpc::ClientContext context;
      Request request;
      Response response;
      absl::AnyInvocable<void(absl::StatusOr<Response>)> done;
    };
    auto pending = std::make_shared<Pending>();
    pending->request = std::move(request);
    pending->done = std::move(done);
    pending->context.set_deadline(DeadlineIn(timeout));
    // Shares `pending`, so that Stop() may cancel the context even while the call ends.
    const std::shared_ptr<grpc::ClientContext> context(pending, &pending->context);
    if (const absl::Status admitted = Admit(context); !admitted.ok()) {
      pending->done(admitted);
      return;
    }
    (stub->*method)(&pending->context, &pending->request, &pending->response,
                    [this, pending](const grpc::Status& status) {
                      if (status.ok()) {
                        pending->done(std::move(pending->response));
                      } else {
                        pending->done(FromGrpcStatus(status));
                      }
                      Forget(&pending->context);  // Last: Stop() waits for it.
                    });
  }

  int calls_under_way() const ABSL_LOCKS_EXCLUDED(mu_);

  // Cancels the calls under way and returns when each `done` has returned. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Admit(std::shared_ptr<grpc::ClientContext> context) ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);

  const int calls_max_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<const grpc::ClientContext*, std::shared_ptr<grpc::ClientContext>> contexts_
      ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::rpc
