// A real server and real channels over TLS on loopback: which callers get in, and under which name.
#include "common/rpc/auth/credentials.h"

#include <arpa/inet.h>
#include <glog/logging.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/calls/call_pool.h"
#include "common/rpc/calls/deadline.h"
#include "common/rpc/calls/reply.h"
#include "common/rpc/server.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "convergia/v1/cluster.grpc.pb.h"

namespace convergia::rpc {
namespace {

using ::testing::HasSubstr;

const identity::NodeIdentity kMgmt = {Role::kMgmt, "mgmt"};
const identity::NodeIdentity kEdge = {Role::kEdge, "e1"};
const identity::NodeIdentity kOperator = {Role::kOperator, "ada"};

class EchoCluster final : public v1::Cluster::CallbackService {
 public:
  explicit EchoCluster(const PinSet& pins) : pins_(pins) {}

  // Answers with the role and name of the caller.
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context, const v1::RenewRequest*,
                                  v1::RenewResponse* response) override {
    return Reply(context, [&]() -> absl::Status {
      ++calls_;
      const auto peer = PeerOf(*context, pins_);
      if (!peer.ok()) return peer.status();
      response->set_certificate_chain_pem(
          absl::StrCat(RoleWord(peer->role), " ", peer->name, " ", peer->node));
      return absl::OkStatus();
    });
  }

  int calls() const { return calls_; }

 private:
  const PinSet& pins_;
  std::atomic<int> calls_ = 0;
};

class HangingAccounts final : public v1::Accounts::CallbackService {
 public:
  grpc::ServerUnaryReactor* SignIn(grpc::CallbackServerContext* context, const v1::SignInRequest*,
                                   v1::SignInResponse*) override {
    class Forever final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    return new Forever;
  }
  grpc::ServerUnaryReactor* Confirm(grpc::CallbackServerContext* context, const v1::ConfirmRequest*,
                                    v1::ConfirmResponse*) override {
    return Reply(context, [] { return Fail(FailCode::kWrongCaptcha, "look again"); });
  }
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest*, v1::RegisterResponse*) override {
    return ReplyLater(context, [](const LaterReply& /*forgotten*/) {});
  }
};

class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    pins_.Replace({pki_.PinOf(kEdge, 7), pki_.PinOf(kOperator)});
    server_ = Serve(kMgmt);
  }
  void TearDown() override { server_->Stop(absl::ZeroDuration()); }

  std::unique_ptr<Server> Serve(const identity::NodeIdentity& who,
                                Handshake handshake = Handshake::kKnownKeys) {
    auto credentials =
        MakeServerCredentials(pki_.FilesOf(who), CallPolicy::Cluster(), pins_, handshake);
    CHECK(credentials.ok()) << credentials.status();
    auto server = Server::Create({"127.0.0.1:0", *credentials, {&cluster_, &accounts_}});
    CHECK(server.ok()) << server.status();
    return *std::move(server);
  }

  std::shared_ptr<grpc::Channel> ChannelAs(const identity::NodeIdentity& who,
                                           const identity::NodeIdentity& server = kMgmt) {
    return MakeChannel(server_->address(), pki_.FilesOf(who), server);
  }

  static absl::StatusOr<std::string> Renew(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(DeadlineIn(absl::Seconds(10)));
    v1::RenewResponse response;
    const grpc::Status status = v1::Cluster::NewStub(channel)->Renew(&context, {}, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response.certificate_chain_pem();
  }

  TestPki pki_;
  PinSet pins_;
  EchoCluster cluster_{pins_};
  HangingAccounts accounts_;
  std::unique_ptr<Server> server_;
};

TEST_F(CredentialsTest, TheServiceSeesTheCallerThatTheCertificateNames) {
  const auto who = Renew(ChannelAs(kEdge));
  ASSERT_OK(who);
  EXPECT_EQ(*who, "edge e1 7");
}

TEST_F(CredentialsTest, AWrongRoleIsDeniedWithAReason) {
  const absl::Status status = Renew(ChannelAs(kOperator)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(status.message()), HasSubstr("datamgr, dataserver, edge"));
}

TEST_F(CredentialsTest, WithoutACertificateTheHandshakeEnds) {
  const auto channel = MakeStrangersChannel(server_->address(), pki_.ca().certificate_pem());
  EXPECT_THAT(Renew(channel).status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CredentialsTest, AKeyThatIsNotInTheSetDoesNotShakeHands) {
  EXPECT_THAT(Renew(ChannelAs({Role::kEdge, "new"})).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  pins_.Apply({pki_.PinOf({Role::kEdge, "new"}, 8)}, {});
  EXPECT_OK(Renew(ChannelAs({Role::kEdge, "new"})));
}

TEST_F(CredentialsTest, WhereAllOfOurCaShakeHandsARevokedKeyIsToldSo) {
  const auto server = Serve(kMgmt, Handshake::kOurCa);
  pins_.Apply({}, {pki_.PinOf(kEdge).pin});
  const auto channel = MakeChannel(server->address(), pki_.FilesOf(kEdge), kMgmt);
  EXPECT_THAT(Renew(channel).status(), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(cluster_.calls(), 0);
  TestPki other;
  TlsFiles files = other.FilesOf(kEdge);
  files.ca = pki_.FilesOf(kEdge).ca;
  EXPECT_THAT(Renew(MakeChannel(server->address(), files, kMgmt)).status(),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CredentialsTest, ARefusedCallNeverReachesItsMethod) {
  EXPECT_FALSE(Renew(ChannelAs(kOperator)).ok());
  EXPECT_EQ(cluster_.calls(), 0);
  EXPECT_OK(Renew(ChannelAs(kEdge)));
  EXPECT_EQ(cluster_.calls(), 1);
}

TEST_F(CredentialsTest, ARevokedKeyIsRefusedAtItsNextCallOnTheSameConnection) {
  const auto channel = ChannelAs(kEdge);
  ASSERT_OK(Renew(channel));
  pins_.Apply({}, {pki_.PinOf(kEdge).pin});
  EXPECT_THAT(Renew(channel).status(), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(CredentialsTest, ACertificateOfAnotherCaDoesNotConnect) {
  TestPki other;
  TlsFiles files = other.FilesOf(kEdge);
  files.ca = pki_.FilesOf(kEdge).ca;
  const auto channel = MakeChannel(server_->address(), files, kMgmt);
  EXPECT_THAT(Renew(channel).status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CredentialsTest, AServerOfAnotherCaRoleOrNameIsNotTalkedTo) {
  TestPki other;
  EXPECT_THAT(Renew(MakeChannel(server_->address(), other.FilesOf(kEdge), kMgmt)).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Renew(ChannelAs(kEdge, {Role::kEdge, "mgmt"})).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Renew(ChannelAs(kEdge, {Role::kMgmt, "other"})).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(Renew(ChannelAs(kEdge, {Role::kMgmt, ""})));
}

TEST_F(CredentialsTest, AServerWhoseKeyIsNotInTheSetIsNotTalkedTo) {
  const auto server = Serve({Role::kEdge, "e2"});
  const auto open = [&] {
    return MakeChannel(server->address(), pki_.FilesOf(kEdge), {Role::kEdge, "e2"}, &pins_);
  };
  EXPECT_THAT(Renew(open()).status(), StatusIs(absl::StatusCode::kUnavailable));
  pins_.Apply({pki_.PinOf({Role::kEdge, "e2"}, 8)}, {});
  EXPECT_OK(Renew(open()));
}

// A name whose first address is dead: the kernel accepts connections there, but nothing answers.
TEST_F(CredentialsTest, ASilentFirstAddressDoesNotKeepTheSecondWaiting) {
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  PCHECK(bind(silent, reinterpret_cast<const sockaddr*>(&address), length) == 0);
  PCHECK(listen(silent, 16) == 0);
  PCHECK(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const auto channel =
      MakeChannel(absl::StrCat("ipv4:127.0.0.1:", ntohs(address.sin_port), ",", server_->address()),
                  pki_.FilesOf(kEdge), kMgmt);
  EXPECT_OK(Renew(channel));
  // The silent address was dialled as well, and its dial did not end before the other answered.
  const int tried = accept4(silent, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  PCHECK(tried >= 0);
  char bytes[4096];
  ssize_t count = 0;
  while ((count = read(tried, bytes, sizeof bytes)) > 0) {
  }
  EXPECT_EQ(count, -1) << "it was closed before the living one had answered";
  close(tried);
  close(silent);
}

TEST_F(CredentialsTest, AFirstAddressThatRefusesIsPassedOver) {
  const auto channel = MakeChannel(absl::StrCat("ipv4:127.0.0.1:1,", server_->address()),
                                   pki_.FilesOf(kEdge), kMgmt);
  for (int i = 0; i < 4; ++i) EXPECT_OK(Renew(channel));
}

TEST_F(CredentialsTest, PlainTextGetsNoAnswer) {
  const auto plain = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  EXPECT_FALSE(Renew(plain).ok());
  EXPECT_OK(Renew(ChannelAs(kEdge)));
}

TEST_F(CredentialsTest, MissingOrBrokenFilesAreNamed) {
  TlsFiles files = pki_.FilesOf(kMgmt);
  files.key = pki_.dir() + "/nothing.key";
  const auto missing = MakeServerCredentials(files, CallPolicy::Cluster(), pins_);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("nothing.key"));
  files.key = pki_.FilesOf(kMgmt).certificate_chain;
  EXPECT_FALSE(MakeServerCredentials(files, CallPolicy::Cluster(), pins_).ok());
}

// The serial number of the certificate that the server shows to a new connection.
std::string ServedSerial(TestPki& pki, const std::string& address) {
  grpc::ClientContext context;
  v1::RenewResponse response;
  const auto channel = MakeChannel(address, pki.FilesOf(kEdge), kMgmt);
  if (!v1::Cluster::NewStub(channel)->Renew(&context, {}, &response).ok()) return "";
  const std::string pem = PeerPem(*context.auth_context());
  const auto facts = identity::ReadCertificate(pem);
  return facts.ok() ? facts->serial : "";
}

TEST_F(CredentialsTest, ARenewedCertificateIsServedWithoutARestart) {
  const std::string before = ServedSerial(pki_, server_->address());
  ASSERT_NE(before, "");
  pki_.Renew(kMgmt);
  const auto renewed = identity::ReadCertificate(ReadOrDie(pki_.FilesOf(kMgmt).certificate_chain));
  ASSERT_OK(renewed);
  std::string served = before;
  const absl::Time deadline = RealClock::Get().Now() + absl::Seconds(20);
  while (served != renewed->serial && RealClock::Get().Now() < deadline) {
    served = ServedSerial(pki_, server_->address());
    ASSERT_NE(served, "") << "a call failed while the certificate changed";
  }
  EXPECT_EQ(served, renewed->serial);
}

TEST_F(CredentialsTest, ATakenPortIsAnErrorAndNotShared) {
  auto credentials = MakeServerCredentials(pki_.FilesOf(kMgmt), CallPolicy::Cluster(), pins_);
  ASSERT_OK(credentials);
  const auto second = Server::Create({server_->address(), *credentials, {}});
  EXPECT_THAT(second.status(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address()));
  EXPECT_THAT(Server::Create({"nonsense", *credentials, {}}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

using AccountsCalls = v1::Accounts::StubInterface::async_interface;

TEST_F(CredentialsTest, CallsAreBoundedHaveDeadlinesAndEndWithThePool) {
  const auto stub = v1::Accounts::NewStub(ChannelAs(kEdge));
  CallPool calls(/*calls_max=*/2);
  absl::Notification late, ended;
  absl::Status late_status, ended_status, refused;
  calls.Call(stub->async(), &AccountsCalls::SignIn, {}, absl::Milliseconds(50),
             [&](absl::StatusOr<v1::SignInResponse> response) {
               late_status = response.status();
               late.Notify();
             });
  calls.Call(stub->async(), &AccountsCalls::SignIn, {}, absl::Hours(1),
             [&](absl::StatusOr<v1::SignInResponse> response) {
               ended_status = response.status();
               ended.Notify();
             });
  calls.Call(stub->async(), &AccountsCalls::SignIn, {}, absl::Hours(1),
             [&](absl::StatusOr<v1::SignInResponse> response) { refused = response.status(); });
  EXPECT_EQ(FailCodeOf(refused), FailCode::kBusy);
  late.WaitForNotification();
  EXPECT_THAT(late_status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  calls.Stop();
  EXPECT_TRUE(ended.HasBeenNotified());
  EXPECT_THAT(ended_status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(calls.calls_under_way(), 0);
}

TEST_F(CredentialsTest, FailCodesAndForgottenAnswersReachTheCaller) {
  const auto stub = v1::Accounts::NewStub(ChannelAs(kEdge));
  CallPool calls(/*calls_max=*/10);
  absl::Notification confirmed, registered;
  absl::Status confirm_status, register_status;
  calls.Call(stub->async(), &AccountsCalls::Confirm, {}, absl::Seconds(10),
             [&](absl::StatusOr<v1::ConfirmResponse> response) {
               confirm_status = response.status();
               confirmed.Notify();
             });
  calls.Call(stub->async(), &AccountsCalls::Register, {}, absl::Seconds(10),
             [&](absl::StatusOr<v1::RegisterResponse> response) {
               register_status = response.status();
               registered.Notify();
             });
  confirmed.WaitForNotification();
  registered.WaitForNotification();
  EXPECT_EQ(FailCodeOf(confirm_status), FailCode::kWrongCaptcha);
  EXPECT_EQ(confirm_status.message(), "look again");
  EXPECT_THAT(register_status, StatusIs(absl::StatusCode::kInternal));
}

// Calls a method of gRPC's own services, which has no stub here, with an empty request.
absl::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  absl::Notification done;
  absl::Status result;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                 [&](const grpc::Status& status) {
                   result = FromGrpcStatus(status);
                   done.Notify();
                 });
  done.WaitForNotification();
  return result;
}

TEST_F(CredentialsTest, TheFurnitureOfANodeIsForOperatorsAndHealthForAll) {
  const std::string health = "/grpc.health.v1.Health/Check";
  const std::string channelz = "/grpc.channelz.v1.Channelz/GetServers";
  EXPECT_OK(CallRaw(ChannelAs(kEdge), health));
  EXPECT_OK(CallRaw(ChannelAs(kOperator), health));
  EXPECT_OK(CallRaw(ChannelAs(kOperator), channelz));
  EXPECT_THAT(CallRaw(ChannelAs(kEdge), channelz), StatusIs(absl::StatusCode::kPermissionDenied));
  const auto edge = ChannelAs(kEdge);
  EXPECT_OK(CallRaw(edge, health));
  pins_.Apply({}, {pki_.PinOf(kEdge).pin});
  EXPECT_THAT(CallRaw(edge, health), StatusIs(absl::StatusCode::kUnauthenticated));
  // Clients of a newer reflection fall back to this one if the server answers "unimplemented".
  EXPECT_THAT(
      CallRaw(ChannelAs(kOperator), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
      StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace convergia::rpc
