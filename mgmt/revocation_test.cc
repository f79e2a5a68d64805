// After a revocation, nothing that was admitted before it stays.

#include <glog/logging.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "mgmt/testing/server_fixture.h"

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
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE DENIED"));
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

// Opens the watch and waits until it is open, but reads no update.
class DeafWatch final : public grpc::ClientReadReactor<v1::ServerMapUpdate> {
 public:
  explicit DeafWatch(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Accounts::NewStub(channel)) {
    stub_->async()->WatchServerMap(&context_, &request_, this);
    AddHold();
    StartCall();
  }
  // Reads until the watch ends; `done` follows.
  void ReadOn() {
    StartRead(&update_);
    RemoveHold();
  }

  absl::Notification opened, done;
  grpc::Status end;

 private:
  void OnReadInitialMetadataDone(bool /*ok*/) override { opened.Notify(); }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&update_);
  }
  void OnDone(const grpc::Status& status) override {
    end = status;
    done.Notify();
  }

  const std::unique_ptr<v1::Accounts::Stub> stub_;
  grpc::ClientContext context_;
  v1::WatchServerMapRequest request_;
  v1::ServerMapUpdate update_;
};

// Waits for mgmt's log line about the end of a watch. On the wire only a client that reads can see
// it.
class EndOfWatch final : public google::LogSink {
 public:
  EndOfWatch() { google::AddLogSink(this); }
  ~EndOfWatch() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&,
            const char* message, size_t size) override {
    const bool is_end = absl::StrContains(absl::string_view(message, size), "watch of the map");
    if (is_end && !told.HasBeenNotified()) told.Notify();
  }

  absl::Notification told;
};

// A channel with such small windows that a few rows fill them.
std::shared_ptr<grpc::Channel> NarrowChannel(const std::string& address,
                                             const rpc::TlsFiles& files) {
  const auto read = [](const std::string& path) {
    return identity::ReadFileToString(path).value_or("");
  };
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("mgmt.mgmt.convergia");
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return grpc::CreateCustomChannel(
      address,
      grpc::SslCredentials({read(files.ca), read(files.key), read(files.certificate_chain)}),
      arguments);
}

// Updates wait for the edge to read, so the status behind them would wait too.
TEST_F(RevocationTest, ARevokedEdgeThatDoesNotReadItsWatchIsCutOff) {
  constexpr int kMoreThanAWindow = 200;
  Start();
  DeafWatch watch(NarrowChannel(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a")));
  watch.opened.WaitForNotification();
  for (int i = 0; i < kMoreThanAWindow; ++i) {
    CreateAccount(absl::StrCat(std::string(24, 'x'), 10'000 + i), "secret");
  }
  EndOfWatch end;
  v1::RevokeRequest request;
  request.set_role(v1::ROLE_EDGE);
  request.set_name("a");
  v1::RevokeResponse response;
  ASSERT_TRUE(admin().Revoke(NewContext().get(), request, &response).ok());
  end.told.WaitForNotification();
  watch.ReadOn();
  watch.done.WaitForNotification();
  EXPECT_FALSE(watch.end.ok());
}

}  // namespace
}  // namespace convergia::mgmt
