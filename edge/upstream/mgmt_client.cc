#include "edge/upstream/mgmt_client.h"

#include <utility>

#include "common/base/fail.h"

namespace convergia::edge {
namespace {

// Hashing a password may wait behind others. After this time the client gets MANAGEMENTDOWN.
constexpr absl::Duration kTimeout = absl::Seconds(10);

// Keeps an error that mgmt chose. Any other comes from gRPC: mgmt did not answer.
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

template <typename Request, typename Response>
void MgmtClient::Call(Method<Request, Response> method, Request request, Done<Response> done) {
  const std::shared_ptr<v1::Accounts::Stub> stub = v1::Accounts::NewStub(channel_());
  calls_.Call(static_cast<Async*>(stub->async()), method, std::move(request), kTimeout,
              [stub, done = Translated(std::move(done))](
                  absl::StatusOr<Response> response) mutable { done(std::move(response)); });
}

void MgmtClient::SignIn(v1::SignInRequest request, Done<v1::SignInResponse> done) {
  Call<v1::SignInRequest, v1::SignInResponse>(&Async::SignIn, std::move(request), std::move(done));
}

void MgmtClient::Register(v1::RegisterRequest request, Done<v1::RegisterResponse> done) {
  Call<v1::RegisterRequest, v1::RegisterResponse>(&Async::Register, std::move(request),
                                                  std::move(done));
}

void MgmtClient::Confirm(v1::ConfirmRequest request, Done<v1::ConfirmResponse> done) {
  Call<v1::ConfirmRequest, v1::ConfirmResponse>(&Async::Confirm, std::move(request),
                                                std::move(done));
}

void MgmtClient::ListSessions(v1::ListSessionsRequest request,
                              Done<v1::ListSessionsResponse> done) {
  Call<v1::ListSessionsRequest, v1::ListSessionsResponse>(&Async::ListSessions, std::move(request),
                                                          std::move(done));
}

void MgmtClient::EndSession(v1::EndSessionRequest request, Done<v1::EndSessionResponse> done) {
  Call<v1::EndSessionRequest, v1::EndSessionResponse>(&Async::EndSession, std::move(request),
                                                      std::move(done));
}

void MgmtClient::GetServerMap(v1::GetServerMapRequest request,
                              Done<v1::GetServerMapResponse> done) {
  Call<v1::GetServerMapRequest, v1::GetServerMapResponse>(&Async::GetServerMap, std::move(request),
                                                          std::move(done));
}

}  // namespace convergia::edge
