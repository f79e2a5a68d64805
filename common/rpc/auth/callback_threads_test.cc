#include "common/rpc/auth/callback_threads.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/rpc/calls/call_pool.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::rpc {
namespace {

// This program has no server, and no channel that lives longer than its call. Without
// KeepCallbackThreads(), it crashes in one of the first rounds.
TEST(CallbackThreadsTest, ACallMayHoldTheLastReferenceToItsChannel) {
  for (int i = 0; i < 50; ++i) {
    CallPool calls(/*calls_max=*/1);
    absl::Notification ended;
    std::shared_ptr<v1::Accounts::Stub> stub = v1::Accounts::NewStub(
        grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()));
    auto* const async = stub->async();
    calls.Call(async, &v1::Accounts::StubInterface::async_interface::SignIn, {}, absl::Hours(1),
               [&ended, stub = std::move(stub)](absl::StatusOr<v1::SignInResponse> response) {
                 EXPECT_FALSE(response.ok());
                 ended.Notify();
               });
    ended.WaitForNotification();
  }
}

}  // namespace
}  // namespace convergia::rpc
