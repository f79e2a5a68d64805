// That nothing which was let in before a revocation stays.

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/status_testing.h"
#include "mgmt/server_fixture.h"

namespace convergia::mgmt {
namespace {

using testing::StartsWith;

using RevocationTest = ServerFixture;

TEST_F(RevocationTest, ChangesOfThePasswordAtOnceDoNotMakeASessionImmune) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = SignIn("ann", "secret");
  ASSERT_TRUE(client->Send("1 CHANGEPASSWORD secret~\nnew\n2 CHANGEPASSWORD secret~\nnewer\n"));
  client->ReadPacket();
  client->ReadPacket();
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  v1::RevokeTicketsRequest request;
  request.set_username("ann");
  v1::RevokeTicketsResponse response;
  ASSERT_TRUE(admin().RevokeTickets(NewContext().get(), request, &response).ok());
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE SIGNINFAILED"));
}

TEST_F(RevocationTest, ARevokedEdgeWatchesTheMapNoMore) {
  Start();
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  const auto context = NewContext();
  const auto watch = edge.accounts().WatchServerMap(context.get(), {});
  watch->WaitForInitialMetadata();
  v1::RevokeRequest request;
  request.set_role(v1::ROLE_EDGE);
  request.set_name("a");
  v1::RevokeResponse response;
  ASSERT_TRUE(admin().Revoke(NewContext().get(), request, &response).ok());
  v1::ServerMapUpdate update;
  while (watch->Read(&update)) continue;
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

// Opens the watch and reads nothing but that it is open.
class DeafWatch final : public grpc::ClientReadReactor<v1::ServerMapUpdate> {
 public:
  explicit DeafWatch(v1::Accounts::Stub& stub) {
    stub.async()->WatchServerMap(&context_, &request_, this);
    StartCall();
  }

  absl::Notification opened, done;

 private:
  void OnReadInitialMetadataDone(bool /*ok*/) override { opened.Notify(); }
  void OnDone(const grpc::Status&) override { done.Notify(); }

  grpc::ClientContext context_;
  v1::WatchServerMapRequest request_;
};

// What it is told has to wait for it, and so would the end.
TEST_F(RevocationTest, ARevokedEdgeThatDoesNotReadItsWatchIsCutOff) {
  constexpr int kMoreThanAWindow = 3'000;
  Start();
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  DeafWatch watch(edge.accounts());
  watch.opened.WaitForNotification();
  for (int i = 0; i < kMoreThanAWindow; ++i) {
    CreateAccount(absl::StrCat(std::string(24, 'x'), 10'000 + i), "secret");
  }
  EXPECT_FALSE(watch.done.HasBeenNotified());
  v1::RevokeRequest request;
  request.set_role(v1::ROLE_EDGE);
  request.set_name("a");
  v1::RevokeResponse response;
  ASSERT_TRUE(admin().Revoke(NewContext().get(), request, &response).ok());
  watch.done.WaitForNotification();
}

}  // namespace
}  // namespace convergia::mgmt
