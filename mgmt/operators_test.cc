// How operators get certificates and renew them.

#include <string>

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/identity/key.h"
#include "mgmt/members/node_registry.h"
#include "mgmt/new_operator.h"
#include "mgmt/testing/server_fixture.h"

namespace convergia::mgmt {
namespace {

using identity::PrivateKey;

class OperatorsTest : public ServerFixture {
 protected:
  rpc::TlsFiles FilesOf(const std::string& name) const {
    return {ca_pem_path(), Path(name + ".pem"), Path(name + ".key")};
  }

  // The running server's answer to a request with these files.
  grpc::StatusCode AskAs(const rpc::TlsFiles& files) {
    FakeNode boss(server_->grpc_address(), files);
    v1::ListNodesResponse nodes;
    return boss.admin().ListNodes(NewContext().get(), {}, &nodes).error_code();
  }

  // Renews the certificate of the operator with `files`, for a new key, and saves both as `name`.
  grpc::Status Renew(const rpc::TlsFiles& files, const std::string& name) {
    const PrivateKey key = PrivateKey::Generate(identity::KeyKind::kP256);
    v1::RenewOperatorRequest request;
    // The subject of a request does not matter.
    request.set_csr_pem(identity::MakeCsr(key, {Role::kEdge, "anybody"}));
    v1::RenewOperatorResponse response;
    FakeNode boss(server_->grpc_address(), files);
    const grpc::Status status = boss.admin().RenewOperator(NewContext().get(), request, &response);
    if (!status.ok()) return status;
    EXPECT_OK(identity::WriteFileAtomically(Path(name + ".key"), key.ToPem(), 0600));
    EXPECT_OK(
        identity::WriteFileAtomically(Path(name + ".pem"), response.certificate_chain_pem(), 0644));
    return status;
  }

  static absl::Time NextYear() {
    return RealClock::Get().Now() + NodeRegistry::kOperatorLifetime + absl::Hours(1);
  }
};

TEST_F(OperatorsTest, AnOperatorRenewsWithItsOwnCertificate) {
  Start();
  ASSERT_TRUE(Renew(FilesOf("operator"), "renewed").ok());
  EXPECT_EQ(AskAs(FilesOf("renewed")), grpc::StatusCode::OK);
  EXPECT_EQ(AskAs(FilesOf("operator")), grpc::StatusCode::OK) << "until it ends";
  ASSERT_OK_AND_ASSIGN(const std::string chain,
                       identity::ReadFileToString(FilesOf("renewed").certificate_chain));
  ASSERT_OK_AND_ASSIGN(const auto facts, identity::ReadCertificate(chain));
  EXPECT_EQ(facts.identity.role, Role::kOperator);
  EXPECT_EQ(facts.identity.name, "operator");
  EXPECT_GT(facts.not_after, RealClock::Get().Now() + NodeRegistry::kOperatorLifetime / 2);
  EXPECT_EQ(Renew(EnrolNode(v1::ROLE_EDGE, "edge1"), "no").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(OperatorsTest, WithoutAnyCertificateOneIsMadeWhereMgmtLives) {
  Start();
  EXPECT_THAT(NewOperator(config_, "second", RealClock::Get()),
              StatusIs(absl::StatusCode::kFailedPrecondition))
      << "mgmt runs";
  Stop();
  ASSERT_OK(NewOperator(config_, "second", RealClock::Get()));
  Restart();
  EXPECT_EQ(AskAs(FilesOf("second")), grpc::StatusCode::OK);
  EXPECT_EQ(AskAs(FilesOf("operator")), grpc::StatusCode::OK);
}

TEST_F(OperatorsTest, OnlyACertificateThatHasRunOutIsReplaced) {
  Start();
  Stop();
  EXPECT_THAT(NewOperator(config_, "operator", RealClock::Get()),
              StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const std::string before,
                       identity::ReadFileToString(FilesOf("operator").key));
  ASSERT_OK(NewOperator(config_, "operator", FakeClock(NextYear())));
  ASSERT_OK_AND_ASSIGN(const std::string after,
                       identity::ReadFileToString(FilesOf("operator").key));
  EXPECT_NE(before, after);
}

TEST_F(OperatorsTest, NoNameLeadsToAnothersKeyAndNoneBackFromRevocation) {
  Start();
  v1::RevokeRequest request;
  request.set_role(v1::ROLE_OPERATOR);
  request.set_name("operator");
  v1::RevokeResponse response;
  ASSERT_TRUE(Renew(FilesOf("operator"), "renewed").ok());
  ASSERT_TRUE(admin().Revoke(NewContext().get(), request, &response).ok());
  EXPECT_NE(AskAs(FilesOf("renewed")), grpc::StatusCode::OK);
  Stop();
  for (const char* const name : {"ca", "mgmt", "../x", ""}) {
    EXPECT_EQ(FailCodeOf(NewOperator(config_, name, RealClock::Get())), FailCode::kBadField)
        << name;
  }
  EXPECT_EQ(FailCodeOf(NewOperator(config_, "operator", FakeClock(NextYear()))), FailCode::kDenied);
}

}  // namespace
}  // namespace convergia::mgmt
