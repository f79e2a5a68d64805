#include "edge/upstream/mgmt_client.h"

#include <utility>

#include "common/base/fail.h"

namespace convergia::edge {
namespace {

using Async = v1::Accounts::StubInterface::async_interface;

// Hashing a password may wait behind others; past this the client should know.
constexpr absl::Duration kTimeout = absl::Seconds(10);

// A status that mgmt did not choose means that it was not there to choose one.
absl::Status ForClient(const absl::Status& status) {
  if (HasFailCode(status) || absl::IsResourceExhausted(status)) return status;
  return ManagementIsDown();
}

template <typename Response>
MgmtClient::Done<Response> Translated(MgmtClient::Done<Response> done) {
  return [done = std::move(done)](absl::StatusOr<Response> response) mutable {
    if (!response.ok()) return done(ForClient(response.status()));
    done(*std::move(response));
  };
}

}  // namespace

absl::Status ManagementIsDown() {
  return Fail(FailCode::kManagementDown,
              "the management server cannot be reached; try again in a minute (messages go on)");
}

MgmtClient::MgmtClient(std::shared_ptr<grpc::Channel> channel, int calls_max)
    : channel_(std::move(channel)), stub_(v1::Accounts::NewStub(channel_)), calls_(calls_max) {}

void MgmtClient::SignIn(v1::SignInRequest request, Done<v1::SignInResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::SignInRequest*, v1::SignInResponse*,
                        std::function<void(grpc::Status)>) = &Async::SignIn;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

void MgmtClient::Register(v1::RegisterRequest request, Done<v1::RegisterResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::RegisterRequest*, v1::RegisterResponse*,
                        std::function<void(grpc::Status)>) = &Async::Register;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

void MgmtClient::Confirm(v1::ConfirmRequest request, Done<v1::ConfirmResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::ConfirmRequest*, v1::ConfirmResponse*,
                        std::function<void(grpc::Status)>) = &Async::Confirm;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

void MgmtClient::ListSessions(v1::ListSessionsRequest request,
                              Done<v1::ListSessionsResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::ListSessionsRequest*,
                        v1::ListSessionsResponse*, std::function<void(grpc::Status)>) =
      &Async::ListSessions;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

void MgmtClient::EndSession(v1::EndSessionRequest request, Done<v1::EndSessionResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::EndSessionRequest*, v1::EndSessionResponse*,
                        std::function<void(grpc::Status)>) = &Async::EndSession;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

void MgmtClient::GetServerMap(v1::GetServerMapRequest request,
                              Done<v1::GetServerMapResponse> done) {
  void (Async::*method)(grpc::ClientContext*, const v1::GetServerMapRequest*,
                        v1::GetServerMapResponse*, std::function<void(grpc::Status)>) =
      &Async::GetServerMap;
  calls_.Call(static_cast<Async*>(stub_->async()), method, std::move(request), kTimeout,
              Translated(std::move(done)));
}

}  // namespace convergia::edge
