// Units that need no connection: the table of permissions, statuses, the set of pins, the door.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/rpc/auth/authorizer.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/calls/status.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/accounts.pb.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/relay.pb.h"

namespace convergia::rpc {
namespace {

using ::testing::HasSubstr;

constexpr Role kRoles[] = {Role::kMgmt, Role::kDatamgr, Role::kDataserver, Role::kEdge,
                           Role::kOperator};

// Second opinion on the whole table: "m" mgmt, "g" datamgr, "s" dataserver, "e" edge, "o" operator.
const std::map<std::string, std::string>& Expected() {
  static const auto* const expected = new std::map<std::string, std::string>{
      {"/convergia.v1.Cluster/Renew", "gse"},
      {"/convergia.v1.Cluster/Attach", "gse"},
      {"/convergia.v1.Cluster/WhoLeads", "gse"},
      {"/convergia.v1.Accounts/Register", "e"},
      {"/convergia.v1.Accounts/Confirm", "e"},
      {"/convergia.v1.Accounts/SignIn", "e"},
      {"/convergia.v1.Accounts/LookUp", "g"},
      {"/convergia.v1.Accounts/ListSessions", "e"},
      {"/convergia.v1.Accounts/EndSession", "e"},
      {"/convergia.v1.Accounts/GetServerMap", "e"},
      {"/convergia.v1.Accounts/WatchServerMap", "e"},
      {"/convergia.v1.Relay/Link", "e"},
      {"/convergia.v1.Chunks/Serve", "s"},
      {"/convergia.v1.Data/Serve", "e"},
      {"/convergia.v1.Admin/*", "o"},
      {"/convergia.v1.DataAdmin/*", "o"},
      {"/grpc.health.v1.Health/*", "mgseo"},
      {"/grpc.reflection.v1.ServerReflection/*", "o"},
      {"/grpc.reflection.v1alpha.ServerReflection/*", "o"},
      {"/grpc.channelz.v1.Channelz/*", "o"},
  };
  return *expected;
}

std::string WhoMay(absl::string_view method) {
  std::string who;
  const CallPolicy& policy = CallPolicy::Cluster();
  for (size_t i = 0; i < std::size(kRoles); ++i) {
    if (policy.Judge(method, kRoles[i]).ok()) who += "mgseo"[i];
  }
  return who;
}

TEST(CallPolicyTest, EveryRowLetsInExactlyThoseItShould) {
  std::set<std::string> seen;
  for (const CallRule& rule : CallPolicy::Cluster().rules()) {
    const std::string method(rule.method);
    ASSERT_TRUE(Expected().contains(method)) << method << " is new: say here who may call it";
    std::string called = method;
    if (absl::EndsWith(called, "*")) called.back() = 'X';
    EXPECT_EQ(WhoMay(called), Expected().at(method)) << method;
    EXPECT_TRUE(seen.insert(method).second) << method << " stands twice";
  }
  EXPECT_EQ(seen.size(), Expected().size());
}

TEST(CallPolicyTest, EveryMethodOfOurServicesHasARow) {
  for (const google::protobuf::FileDescriptor* file :
       {v1::RenewRequest::descriptor()->file(), v1::SignInRequest::descriptor()->file(),
        v1::Frame::descriptor()->file(), v1::ListNodesRequest::descriptor()->file()}) {
    ASSERT_GT(file->service_count(), 0) << file->name();
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const std::string method = absl::StrCat("/", file->service(s)->full_name(), "/",
                                                file->service(s)->method(m)->name());
        EXPECT_NE(CallPolicy::Cluster().Find(method), nullptr) << method;
      }
    }
  }
}

TEST(CallPolicyTest, RefusalsSayWhy) {
  const CallPolicy& policy = CallPolicy::Cluster();
  EXPECT_THAT(policy.Judge("/x.Y/Z", Role::kOperator), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(policy.Judge("", Role::kEdge), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(policy.Judge("/convergia.v1.Admin/", Role::kOperator),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(policy.Judge("/convergia.v1.Relay/Linker", Role::kEdge),
              StatusIs(absl::StatusCode::kUnimplemented));
  const absl::Status denied = policy.Judge("/convergia.v1.Admin/ListNodes", Role::kEdge);
  EXPECT_THAT(denied, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(denied.message()), HasSubstr("is for operator"));
  EXPECT_THAT(std::string(denied.message()), HasSubstr("of role edge"));
}

TEST(StatusTest, CodeWordAndTextSurviveTheWayThroughGrpc) {
  for (int i = 0; i <= static_cast<int>(FailCode::kInternal); ++i) {
    const absl::Status sent = Fail(static_cast<FailCode>(i), "do this next");
    const absl::Status got = FromGrpcStatus(ToGrpcStatus(sent));
    EXPECT_EQ(FailCodeOf(got), FailCodeOf(sent));
    EXPECT_EQ(got.code(), sent.code());
    EXPECT_EQ(got.message(), "do this next");
  }
  EXPECT_OK(FromGrpcStatus(ToGrpcStatus(absl::OkStatus())));
  EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(absl::DataLossError("x"))), absl::DataLossError("x"));
}

TEST(StatusTest, ForeignDetailsAndLongTextsDoNoHarm) {
  const grpc::Status foreign(grpc::StatusCode::NOT_FOUND, "x", std::string("\0garbage", 8));
  EXPECT_EQ(FromGrpcStatus(foreign), absl::NotFoundError("x"));
  const grpc::Status unknown(grpc::StatusCode::NOT_FOUND, "x", "convergia.v1/fail-code:NOSUCH");
  EXPECT_EQ(FromGrpcStatus(unknown), absl::NotFoundError("x"));
  EXPECT_LE(ToGrpcStatus(absl::NotFoundError(std::string(100'000, 'x'))).error_message().size(),
            2000u);
}

PinEntry Entry(const std::string& pin, Role role = Role::kEdge, NodeId node = 1) {
  return PinEntry{pin, role, "n-" + pin, node};
}

TEST(PinSetTest, TellsListenersExactlyWhatLeft) {
  PinSet pins;
  EXPECT_FALSE(pins.filled());
  std::vector<std::string> revoked;
  const auto token =
      pins.AddRevocationListener([&revoked](const identity::Pin& pin) { revoked.push_back(pin); });
  pins.Replace({Entry("a"), Entry("b"), Entry("c")});
  EXPECT_TRUE(pins.filled());
  EXPECT_TRUE(revoked.empty());
  pins.Apply({Entry("d")}, {"a", "never there"});
  EXPECT_EQ(revoked, std::vector<std::string>{"a"});
  EXPECT_EQ(pins.Find("a"), std::nullopt);
  EXPECT_EQ(pins.Find("d"), Entry("d"));
  revoked.clear();
  pins.Replace({Entry("b"), Entry("d")});
  EXPECT_EQ(revoked, std::vector<std::string>{"c"});
  revoked.clear();
  pins.Apply({Entry("b", Role::kOperator, 0)}, {});  // Its role changes, so its streams must end.
  EXPECT_EQ(revoked, std::vector<std::string>{"b"});
  EXPECT_EQ(pins.All().size(), 2u);
}

TEST(PinSetTest, AListenerEndsWithItsToken) {
  PinSet pins;
  int calls = 0;
  for (int i = 0; i < 100; ++i) {
    auto token = pins.AddRevocationListener([&calls](const identity::Pin&) { ++calls; });
    pins.Replace({Entry("a")});
    pins.Replace({});
  }
  EXPECT_EQ(calls, 100);
}

TEST(AuthorizerTest, TheKeyMustBeInTheSetUnderItsRoleAndName) {
  TestPki pki;
  const identity::NodeIdentity edge = {Role::kEdge, "e1"};
  const std::string pem = ReadOrDie(pki.FilesOf(edge).certificate_chain);
  const std::string link = "/convergia.v1.Relay/Link";
  PinSet pins;
  const Authorizer door(CallPolicy::Cluster(), pins);
  const absl::Status early = door.Admit(link, pem);
  EXPECT_THAT(early, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(std::string(early.message()), HasSubstr("has not heard from mgmt"));
  pins.Replace({pki.PinOf(edge)});
  EXPECT_OK(door.Admit(link, pem));
  PinEntry other = pki.PinOf(edge);
  other.role = Role::kOperator;
  pins.Replace({other});
  const absl::Status refused = door.Admit(link, pem);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("edge e1 is revoked"));
  EXPECT_THAT(door.Admit(link, ""), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(door.Admit(link, "no certificate"), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(door.Admit(link, pki.ca().certificate_pem()),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace convergia::rpc
