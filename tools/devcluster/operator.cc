#include "tools/devcluster/operator.h"

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/calls/status.h"

namespace convergia::devcluster {
namespace {

template <typename Request, typename Response>
absl::StatusOr<Response> Call(v1::Admin::Stub* admin,
                              grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                              const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(RealClock::Get().Now() + absl::Seconds(10)));
  context.set_wait_for_ready(true);
  Response response;
  CVG_RETURN_IF_ERROR(rpc::FromGrpcStatus((admin->*method)(&context, request, &response)));
  return response;
}

}  // namespace

Operator::Operator(const std::string& mgmt_address, const rpc::TlsFiles& files)
    : channel_(rpc::MakeChannel(mgmt_address, files, {.role = Role::kMgmt, .name = ""})),
      admin_(v1::Admin::NewStub(channel_)) {}

absl::StatusOr<std::string> Operator::CreateJoinToken(v1::Role role, const std::string& node_name) {
  v1::CreateJoinTokenRequest request;
  request.set_role(role);
  request.set_name(node_name);
  CVG_ASSIGN_OR_RETURN(const auto response,
                       Call(admin_.get(), &v1::Admin::Stub::CreateJoinToken, request));
  return response.token();
}

absl::Status Operator::CreateAccount(const std::string& username, const std::string& password) {
  v1::CreateAccountRequest request;
  request.set_username(username);
  request.set_password(password);
  return Call(admin_.get(), &v1::Admin::Stub::CreateAccount, request).status();
}

absl::Status Operator::SetStorageClass(const std::string& data_server,
                                       v1::StorageClass storage_class) {
  v1::ConfigureDataServerRequest request;
  request.set_name(data_server);
  request.set_storage_class(storage_class);
  return Call(admin_.get(), &v1::Admin::Stub::ConfigureDataServer, request).status();
}

absl::StatusOr<v1::GetClusterMapResponse> Operator::GetClusterMap() {
  return Call(admin_.get(), &v1::Admin::Stub::GetClusterMap, v1::GetClusterMapRequest());
}

absl::StatusOr<v1::ListRoutesResponse> Operator::ListRoutes(const std::string& from,
                                                            const std::string& to) {
  v1::ListRoutesRequest request;
  request.set_from(from);
  request.set_to(to);
  return Call(admin_.get(), &v1::Admin::Stub::ListRoutes, request);
}

}  // namespace convergia::devcluster
