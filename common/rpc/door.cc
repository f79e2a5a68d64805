#include "common/rpc/door.h"

#include <grpc/grpc.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/rpc/auth/authorizer.h"
#include "common/rpc/auth/guarded_call.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/calls/status.h"

namespace convergia::rpc {
namespace {

constexpr absl::string_view kOurServices = "/convergia.";

class GuardedContexts final : public grpc::ContextAllocator {
 public:
  grpc::CallbackServerContext* NewCallbackServerContext() override { return new GuardedContext; }
  // For methods that no service has. gRPC passes contexts of both kinds to the first Release(), so
  // both must come from here. A context of gRPC's own is part of a larger object, and `delete` of
  // it would be wrong.
  grpc::GenericCallbackServerContext* NewGenericCallbackServerContext() override {
    return new grpc::GenericCallbackServerContext;
  }
  void Release(grpc::CallbackServerContext* context) override { delete context; }
  void Release(grpc::GenericCallbackServerContext* context) override { delete context; }
};

// Sends the caller the status at once. Later steps of the method on this call have no effect.
void Cancel(const absl::Status& why, grpc::ServerContextBase* context) {
  const grpc::Status status = ToGrpcStatus(why);
  grpc_call_cancel_with_status(context->c_call(),
                               static_cast<grpc_status_code>(status.error_code()),
                               status.error_message().c_str(), nullptr);
}

absl::Status Judge(const Authorizer& authorizer, absl::string_view method,
                   const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  return authorizer.Admit(method, auth == nullptr ? "" : PeerPem(*auth));
}

// Cancels a refused call of the synchronous API before its method runs.
class Canceller final : public grpc::experimental::Interceptor {
 public:
  Canceller(const Authorizer& authorizer, grpc::experimental::ServerRpcInfo* info)
      : authorizer_(authorizer), info_(info) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      grpc::ServerContextBase* const context = info_->server_context();
      const absl::Status verdict = Judge(authorizer_, info_->method(), *context);
      if (!verdict.ok()) Cancel(verdict, context);
    }
    methods->Proceed();
  }

 private:
  const Authorizer& authorizer_;
  grpc::experimental::ServerRpcInfo* const info_;
};

// gRPC asks for the interceptors of each call. A call of the callback API is bound to its context
// by then, so it is judged at once and needs no interceptor. A call of the synchronous API is bound
// later, so an interceptor judges it.
class Door final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Door(const CallPolicy& policy, const PinSet& pins) : authorizer_(policy, pins) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    grpc::ServerContextBase* const context = info->server_context();
    if (context->c_call() == nullptr) return new Canceller(authorizer_, info);
    absl::Status verdict = Judge(authorizer_, info->method(), *context);
    auto* const guarded = dynamic_cast<GuardedContext*>(context);
    if (guarded != nullptr && absl::StartsWith(info->method(), kOurServices)) {
      guarded->set_verdict(std::move(verdict));
    } else if (!verdict.ok()) {
      Cancel(verdict, context);
    }
    return nullptr;
  }

 private:
  const Authorizer authorizer_;
};

}  // namespace

void PutDoor(const CallPolicy& policy, const PinSet& pins, grpc::ServerBuilder* builder) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
  creators.push_back(std::make_unique<Door>(policy, pins));
  builder->experimental().SetInterceptorCreators(std::move(creators));
  builder->SetContextAllocator(std::make_unique<GuardedContexts>());
}

}  // namespace convergia::rpc
