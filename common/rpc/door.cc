#include "common/rpc/door.h"

#include <grpc/grpc.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/rpc/authorizer.h"
#include "common/rpc/guarded_call.h"
#include "common/rpc/peer.h"
#include "common/rpc/status.h"

namespace convergia::rpc {
namespace {

constexpr absl::string_view kOurServices = "/convergia.";

class GuardedContexts final : public grpc::ContextAllocator {
 public:
  grpc::CallbackServerContext* NewCallbackServerContext() override { return new GuardedContext; }
  void Release(grpc::CallbackServerContext* context) override {
    delete static_cast<GuardedContext*>(context);
  }
};

// gRPC makes the interceptors of a call when it has bound the context to the call and before it
// reads the request. All that is to be decided is decided then, so no call needs an interceptor.
class Door final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Door(const CallPolicy& policy, const PinSet& pins) : authorizer_(policy, pins) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    grpc::ServerContextBase* const context = info->server_context();
    const absl::string_view method = info->method();
    absl::Status verdict = Judge(method, *context);
    auto* const guarded = dynamic_cast<GuardedContext*>(context);
    if (guarded != nullptr && absl::StartsWith(method, kOurServices)) {
      guarded->set_verdict(std::move(verdict));
    } else if (!verdict.ok()) {
      // The caller gets the status at once; what the method still does with the call goes nowhere.
      const grpc::Status status = ToGrpcStatus(verdict);
      grpc_call_cancel_with_status(context->c_call(),
                                   static_cast<grpc_status_code>(status.error_code()),
                                   status.error_message().c_str(), nullptr);
    }
    return nullptr;
  }

 private:
  absl::Status Judge(absl::string_view method, const grpc::ServerContextBase& context) const {
    const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
    return authorizer_.Admit(method, auth == nullptr ? "" : PeerPem(*auth));
  }

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
