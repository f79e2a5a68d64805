// The rules for joining the cluster, and for calls inside it.

#include <grpcpp/create_channel.h>

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "common/identity/key.h"
#include "common/node/enrolment/enrolment.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "convergia/v1/cluster.grpc.pb.h"
#include "convergia/v1/relay.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

class IdentityTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 1}, .accounts = Accounts({"alice"})});
  }

 protected:
  static std::string MgmtAddress() { return cluster().node("mgmt")->grpc; }
  static std::string CaPem() { return *identity::ReadFileToString(CaFile()); }

  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(absl::ToChronoTime(RealClock::Get().Now() + absl::Seconds(20)));
  }

  static absl::StatusOr<std::string> TokenFor(v1::Role role, const std::string& name) {
    return cluster().admin().CreateJoinToken(role, name);
  }

  // The answer to a node that enrols as `name` with `token`.
  static absl::StatusOr<node::Admission> Enrol(const std::string& token, const std::string& name,
                                               const identity::PrivateKey& key) {
    return node::AskToEnrol(cluster().node("mgmt")->open_line, token, name,
                            identity::MakeCsr(key, {.role = Role::kEdge, .name = name}),
                            RealClock::Get().Now());
  }

  // Enrols a node; returns its files.
  static absl::StatusOr<rpc::TlsFiles> NewNode(v1::Role role, const std::string& name) {
    CVG_ASSIGN_OR_RETURN(const std::string token, TokenFor(role, name));
    const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    CVG_ASSIGN_OR_RETURN(const node::Admission admission, Enrol(token, name, key));
    return SaveFiles(name, admission.chain_pem, key);
  }

  static absl::StatusOr<rpc::TlsFiles> SaveFiles(const std::string& name, const std::string& chain,
                                                 const identity::PrivateKey& key) {
    const std::string stem = absl::StrCat(::testing::TempDir(), "/", name);
    const rpc::TlsFiles files = {CaFile(), stem + ".pem", stem + ".key"};
    CVG_RETURN_IF_ERROR(identity::WriteFileAtomically(files.certificate_chain, chain, 0644));
    CVG_RETURN_IF_ERROR(identity::WriteFileAtomically(files.key, key.ToPem(), 0600));
    return files;
  }

  static std::shared_ptr<grpc::Channel> ToMgmt(const rpc::TlsFiles& files) {
    return rpc::MakeChannel(MgmtAddress(), files, {.role = Role::kMgmt, .name = ""});
  }

  static grpc::StatusCode AskMap(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetClusterMapResponse response;
    return v1::Admin::NewStub(channel)
        ->GetClusterMap(&context, v1::GetClusterMapRequest(), &response)
        .error_code();
  }

  static grpc::StatusCode AskSignIn(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::SignInRequest request;
    request.set_username("alice");
    request.set_password(PasswordOf("alice"));
    v1::SignInResponse response;
    return v1::Accounts::NewStub(channel)->SignIn(&context, request, &response).error_code();
  }

  static grpc::StatusCode OpenLink(const rpc::TlsFiles& files) {
    const auto channel = rpc::MakeChannel(cluster().node("edge1")->grpc, files,
                                          {.role = Role::kEdge, .name = "edge1"});
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stub = v1::Relay::NewStub(channel);
    const auto link = stub->Link(&context);
    link->WritesDone();
    v1::Frame frame;
    while (link->Read(&frame)) {
    }
    return link->Finish().error_code();
  }
};

TEST_F(IdentityTest, JoinTokenWorksOnce) {
  ASSERT_OK_AND_ASSIGN(const std::string token, TokenFor(v1::ROLE_EDGE, ""));
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  ASSERT_OK_AND_ASSIGN(const node::Admission admission, Enrol(token, "once", key));
  EXPECT_THAT(admission.grpc_addresses, ::testing::ElementsAre(MgmtAddress()));
  ASSERT_OK_AND_ASSIGN(const auto facts, identity::ReadCertificate(admission.chain_pem));
  EXPECT_EQ(facts.identity.name, "once");
  EXPECT_EQ(facts.identity.role, Role::kEdge);
  const absl::Status again = Enrol(token, "twice", key).status();
  EXPECT_EQ(FailCodeOf(again), FailCode::kDenied);
  EXPECT_THAT(std::string(again.message()), HasSubstr("token"));
}

TEST_F(IdentityTest, JoinTokenIsForItsNameAndRoleAndNamesAreTakenOnce) {
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  const auto code = [&key](const std::string& token, const std::string& name) {
    return FailCodeOf(Enrol(token, name, key).status());
  };
  EXPECT_EQ(code("made up", "any"), FailCode::kBadField);
  ASSERT_OK_AND_ASSIGN(const std::string named, TokenFor(v1::ROLE_EDGE, "right"));
  EXPECT_EQ(code(named, "wrong"), FailCode::kDenied);
  ASSERT_OK_AND_ASSIGN(const std::string other, TokenFor(v1::ROLE_EDGE, ""));
  EXPECT_EQ(code(other, "edge1"), FailCode::kExists);
  ASSERT_OK_AND_ASSIGN(const std::string third, TokenFor(v1::ROLE_EDGE, ""));
  EXPECT_EQ(code(third, "No Name!"), FailCode::kBadField);
  // The token decides the role; the request for a certificate does not.
  ASSERT_OK_AND_ASSIGN(const std::string store, TokenFor(v1::ROLE_DATASERVER, ""));
  ASSERT_OK_AND_ASSIGN(const node::Admission admission, Enrol(store, "store1", key));
  EXPECT_EQ(identity::ReadCertificate(admission.chain_pem)->identity.role, Role::kDataserver);
}

TEST_F(IdentityTest, ACertificateOfTheWrongRoleOpensNothing) {
  ASSERT_OK_AND_ASSIGN(const rpc::TlsFiles store, NewNode(v1::ROLE_DATASERVER, "store2"));
  EXPECT_EQ(AskMap(ToMgmt(store)), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(AskSignIn(ToMgmt(store)), grpc::StatusCode::PERMISSION_DENIED);
  // The edge rejects nodes of which mgmt has not told it yet.
  EXPECT_TRUE(Eventually([&] { return OpenLink(store) == grpc::StatusCode::PERMISSION_DENIED; }));
  ASSERT_OK_AND_ASSIGN(const rpc::TlsFiles edge, NewNode(v1::ROLE_EDGE, "edge9"));
  EXPECT_EQ(AskMap(ToMgmt(edge)), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(AskSignIn(ToMgmt(edge)), grpc::StatusCode::OK);
  EXPECT_EQ(AskSignIn(ToMgmt(cluster().operator_files())), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(AskMap(ToMgmt(cluster().operator_files())), grpc::StatusCode::OK);
}

TEST_F(IdentityTest, NoCertificateOpensNothing) {
  const auto channel = rpc::MakeStrangersChannel(MgmtAddress(), CaPem());
  EXPECT_EQ(AskMap(channel), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(AskSignIn(channel), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(IdentityTest, ACertificateOfAnotherAuthorityOpensNothing) {
  const auto other = identity::CertificateAuthority::Create(RealClock::Get());
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  const identity::NodeIdentity claimed = {.role = Role::kOperator, .name = "operator"};
  ASSERT_OK_AND_ASSIGN(const std::string chain,
                       other.Issue(identity::MakeCsr(key, claimed), claimed, absl::Hours(1)));
  ASSERT_OK_AND_ASSIGN(const rpc::TlsFiles files, SaveFiles("stranger", chain, key));
  EXPECT_THAT(AskMap(ToMgmt(files)),
              AnyOf(grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::UNAUTHENTICATED));
}

TEST_F(IdentityTest, RevokingEndsTheStreamOfANodeAndAllItCouldDo) {
  ASSERT_OK_AND_ASSIGN(const rpc::TlsFiles files, NewNode(v1::ROLE_EDGE, "traitor"));
  const auto channel = ToMgmt(files);
  const auto stub = v1::Cluster::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto attached = stub->Attach(&context);
  v1::FromNode hello;
  hello.mutable_hello()->set_epoch(1);
  ASSERT_TRUE(attached->Write(hello));
  v1::ToNode message;
  ASSERT_TRUE(attached->Read(&message));
  EXPECT_TRUE(message.has_welcome());

  v1::RevokeRequest request;
  request.set_role(v1::ROLE_EDGE);
  request.set_name("traitor");
  v1::RevokeResponse response;
  grpc::ClientContext revoking;
  ASSERT_TRUE(
      v1::Admin::NewStub(cluster().admin().channel())->Revoke(&revoking, request, &response).ok());
  EXPECT_EQ(response.pins_revoked(), 1);
  while (attached->Read(&message)) {
  }
  EXPECT_EQ(attached->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(AskSignIn(channel),
              AnyOf(grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::UNAUTHENTICATED));
  EXPECT_THAT(AskSignIn(ToMgmt(files)),
              AnyOf(grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::UNAUTHENTICATED));
  // Edges learn of it on their own streams.
  EXPECT_TRUE(Eventually([&] {
    const grpc::StatusCode code = OpenLink(files);
    return code == grpc::StatusCode::UNAVAILABLE;  // The edge ends the handshake.
  }));
}

}  // namespace
}  // namespace convergia::testing
