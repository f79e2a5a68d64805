#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/rpc/calls/call_pool.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::edge {

// The edge's requests to mgmt for its clients. Every error is one that the client may read: mgmt's
// own, BUSY, or MANAGEMENTDOWN if mgmt does not answer within 10 s.
//
// Thread-safe. `done` is called once, on any thread, perhaps before the call returns; it must not
// block.
class MgmtClient {
 public:
  template <typename Response>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

  // `channel` returns a channel to the present mgmt; it is called at each call, on its thread. At
  // most `calls_max` calls are under way. Any further call gets BUSY.
  MgmtClient(std::function<std::shared_ptr<grpc::Channel>()> channel, int calls_max)
      : channel_(std::move(channel)), calls_(calls_max) {}

  void SignIn(v1::SignInRequest request, Done<v1::SignInResponse> done);
  void Register(v1::RegisterRequest request, Done<v1::RegisterResponse> done);
  void Confirm(v1::ConfirmRequest request, Done<v1::ConfirmResponse> done);
  void ListSessions(v1::ListSessionsRequest request, Done<v1::ListSessionsResponse> done);
  void EndSession(v1::EndSessionRequest request, Done<v1::EndSessionResponse> done);
  void GetServerMap(v1::GetServerMapRequest request, Done<v1::GetServerMapResponse> done);

  // Cancels the calls under way, which get MANAGEMENTDOWN. Returns when each `done` has returned.
  // Idempotent.
  void Stop() { calls_.Stop(); }

 private:
  using Async = v1::Accounts::StubInterface::async_interface;
  template <typename Request, typename Response>
  using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                 std::function<void(grpc::Status)>);

  template <typename Request, typename Response>
  void Call(Method<Request, Response> method, Request request, Done<Response> done);

  const std::function<std::shared_ptr<grpc::Channel>()> channel_;
  rpc::CallPool calls_;
};

// The error MANAGEMENTDOWN, for commands that need mgmt.
absl::Status ManagementIsDown();

}  // namespace convergia::edge
