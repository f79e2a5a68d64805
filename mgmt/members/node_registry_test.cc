#include "mgmt/members/node_registry.h"

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/join_token.h"
#include "common/store/testing/mem_store.h"
#include "mgmt/members/pin_diff.h"

namespace convergia::mgmt {
namespace {

using identity::KeyKind;
using identity::PrivateKey;

class NodeRegistryTest : public testing::Test {
 protected:
  NodeRegistryTest() { Reopen(); }
  void Reopen() { registry_ = *NodeRegistry::Create(store_, ca_); }
  absl::Time now() const { return clock_.Now(); }

  std::string Csr() { return identity::MakeCsr(key_, {Role::kEdge, "whatever"}); }
  std::string Secret(Role role, absl::string_view name = "",
                     absl::Duration lifetime = absl::ZeroDuration()) {
    const auto token = registry_->MakeToken(role, name, lifetime, {"h:1"}, now());
    EXPECT_TRUE(token.ok()) << token.status();
    const auto decoded = identity::DecodeJoinToken(token->text);
    EXPECT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->ca_fingerprint, ca_.fingerprint());
    EXPECT_EQ(decoded->role, role);
    return decoded->secret;
  }
  FailCode EnrolCode(absl::string_view secret, absl::string_view name) {
    return FailCodeOf(registry_->Enrol(secret, name, Csr(), now()).status());
  }

  FakeClock clock_;
  identity::CertificateAuthority ca_ = identity::CertificateAuthority::Create(clock_);
  store::MemStore store_;
  PrivateKey key_ = PrivateKey::Generate(KeyKind::kP256);
  PrivateKey other_key_ = PrivateKey::Generate(KeyKind::kP256);
  std::unique_ptr<NodeRegistry> registry_;
};

TEST_F(NodeRegistryTest, EnrolsByTokenAndRemembers) {
  const std::string secret = Secret(Role::kEdge);
  ASSERT_OK_AND_ASSIGN(const auto admission, registry_->Enrol(secret, "Edge1", Csr(), now()));
  ASSERT_OK_AND_ASSIGN(const auto facts, identity::ReadCertificate(admission.chain_pem));
  EXPECT_EQ(facts.identity, (identity::NodeIdentity{Role::kEdge, "edge1"}));
  Reopen();
  const auto member = registry_->Find(admission.node);
  ASSERT_TRUE(member.has_value());
  EXPECT_EQ(member->name, "edge1");
  EXPECT_EQ(member->role, Role::kEdge);
  EXPECT_THAT(registry_->ValidPins(),
              testing::ElementsAre(rpc::PinEntry{facts.pin, Role::kEdge, "edge1", admission.node}));
}

TEST_F(NodeRegistryTest, TokensAreForOneUseInTimeForTheirNameAndRole) {
  const std::string any = Secret(Role::kEdge);
  ASSERT_OK(registry_->Enrol(any, "edge1", Csr(), now()));
  PrivateKey other = PrivateKey::Generate(KeyKind::kP256);
  std::swap(key_, other);
  EXPECT_EQ(EnrolCode(any, "edge2"), FailCode::kDenied);
  EXPECT_EQ(EnrolCode(any, "edge1"), FailCode::kDenied);
  EXPECT_EQ(EnrolCode("guess", "edge2"), FailCode::kDenied);
  EXPECT_EQ(EnrolCode("", "edge2"), FailCode::kDenied);
  EXPECT_EQ(EnrolCode(Secret(Role::kEdge, "edge7"), "edge2"), FailCode::kDenied);
  const std::string brief = Secret(Role::kEdge, "", absl::Seconds(10));
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(EnrolCode(brief, "edge2"), FailCode::kDenied);
  const std::string data = Secret(Role::kDataserver);
  EXPECT_EQ(EnrolCode(data, "edge1"), FailCode::kExists);  // A name belongs to one node of any
                                                           // role.
  EXPECT_EQ(EnrolCode(data, "no spaces"), FailCode::kBadField);
  ASSERT_OK_AND_ASSIGN(const auto admitted, registry_->Enrol(data, "data1", Csr(), now()));
  EXPECT_EQ(registry_->Find(admitted.node)->role, Role::kDataserver);
}

TEST_F(NodeRegistryTest, TheSameKeyMayComeAgainIfTheAnswerWasLost) {
  const std::string secret = Secret(Role::kEdge);
  ASSERT_OK_AND_ASSIGN(const auto first, registry_->Enrol(secret, "edge1", Csr(), now()));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto again, registry_->Enrol(secret, "edge1", Csr(), now()));
  EXPECT_EQ(again.node, first.node);
  EXPECT_EQ(registry_->Find(first.node)->keys.size(), 1);
  EXPECT_EQ(EnrolCode(secret, "edge2"), FailCode::kDenied);
  ASSERT_OK(registry_->Revoke(Role::kEdge, "edge1"));
  EXPECT_EQ(EnrolCode(secret, "edge1"), FailCode::kDenied);
}

TEST_F(NodeRegistryTest, AUsedTokenIsNoWayIntoAnotherNode) {
  const std::string secret = Secret(Role::kEdge);
  ASSERT_OK(registry_->Enrol(secret, "edge1", Csr(), now()));
  const std::string first_csr = Csr();
  key_ = PrivateKey::Generate(KeyKind::kP256);
  ASSERT_OK_AND_ASSIGN(const auto second,
                       registry_->Enrol(Secret(Role::kEdge), "edge2", Csr(), now()));
  EXPECT_EQ(FailCodeOf(registry_->Enrol(secret, "edge2", first_csr, now()).status()),
            FailCode::kDenied);
  EXPECT_EQ(registry_->Find(second.node)->keys.size(), 1);
  // Nor to a new node that now has the first one's name.
  ASSERT_OK(registry_->Remove("edge1"));
  EXPECT_EQ(FailCodeOf(registry_->Enrol(secret, "edge1", first_csr, now()).status()),
            FailCode::kDenied);
  ASSERT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  EXPECT_EQ(FailCodeOf(registry_->Enrol(secret, "edge1", first_csr, now()).status()),
            FailCode::kDenied);
  EXPECT_EQ(registry_->Find(Role::kEdge, "edge1")->keys.size(), 1);
}

TEST_F(NodeRegistryTest, ANodeWhoseCertificateExpiredComesBackWithATokenForItsName) {
  ASSERT_OK_AND_ASSIGN(const auto first,
                       registry_->Enrol(Secret(Role::kDataserver), "data1", Csr(), now()));
  clock_.Advance(NodeRegistry::kNodeLifetime + absl::Hours(1));
  EXPECT_EQ(EnrolCode(Secret(Role::kDataserver), "data1"), FailCode::kExists);  // The token is for
                                                                                // any name.
  EXPECT_EQ(EnrolCode(Secret(Role::kEdge, "data1"), "data1"), FailCode::kExists);
  const std::string secret = Secret(Role::kDataserver, "data1");
  std::swap(key_, other_key_);
  EXPECT_EQ(EnrolCode(secret, "data1"), FailCode::kExists);  // Another key is refused.
  std::swap(key_, other_key_);
  ASSERT_OK_AND_ASSIGN(const auto again, registry_->Enrol(secret, "data1", Csr(), now()));
  EXPECT_EQ(again.node, first.node);
  ASSERT_OK_AND_ASSIGN(const auto facts, identity::ReadCertificate(again.chain_pem));
  EXPECT_GT(facts.not_after, now() + NodeRegistry::kNodeLifetime / 2);
  Reopen();
  EXPECT_EQ(registry_->Find(first.node)->keys.size(), 1);
  // The token is used up; only the same key may use it again.
  ASSERT_OK(registry_->Enrol(secret, "data1", Csr(), now()));
  std::swap(key_, other_key_);
  EXPECT_EQ(EnrolCode(secret, "data1"), FailCode::kDenied);
  std::swap(key_, other_key_);
  const std::string another = Secret(Role::kDataserver, "data1");
  ASSERT_OK(registry_->Revoke(Role::kDataserver, "data1"));
  EXPECT_EQ(EnrolCode(another, "data1"), FailCode::kExists);
}

TEST_F(NodeRegistryTest, WhoseAnswerWasLostMayComeAgainAfterTheTokenExpired) {
  const std::string secret = Secret(Role::kEdge, "", absl::Seconds(10));
  const std::string unused = Secret(Role::kEdge, "", absl::Seconds(10));
  ASSERT_OK_AND_ASSIGN(const auto first, registry_->Enrol(secret, "edge1", Csr(), now()));
  clock_.Advance(absl::Hours(24 * 6));
  Secret(Role::kEdge);  // MakeToken() sweeps expired tokens.
  ASSERT_OK_AND_ASSIGN(const auto again, registry_->Enrol(secret, "edge1", Csr(), now()));
  EXPECT_EQ(again.node, first.node);
  EXPECT_EQ(EnrolCode(unused, "edge3"), FailCode::kDenied);
  clock_.Advance(absl::Hours(24 * 2));
  EXPECT_EQ(EnrolCode(secret, "edge1"), FailCode::kDenied);
}

TEST_F(NodeRegistryTest, RefusesBadRequestsWithoutUsingTheToken) {
  const std::string secret = Secret(Role::kEdge);
  EXPECT_EQ(FailCodeOf(registry_->Enrol(secret, "edge1", "not a request", now()).status()),
            FailCode::kBadField);
  EXPECT_FALSE(registry_->Find(Role::kEdge, "edge1").has_value());
  EXPECT_OK(registry_->Enrol(secret, "edge1", Csr(), now()));
}

TEST_F(NodeRegistryTest, RefusesBadTokensToBeMade) {
  for (const Role role : {Role::kMgmt, Role::kOperator}) {
    EXPECT_EQ(
        FailCodeOf(registry_->MakeToken(role, "", absl::ZeroDuration(), {"h:1"}, now()).status()),
        FailCode::kBadField);
  }
  EXPECT_EQ(
      FailCodeOf(
          registry_->MakeToken(Role::kEdge, "-", absl::ZeroDuration(), {"h:1"}, now()).status()),
      FailCode::kBadField);
  EXPECT_EQ(
      FailCodeOf(
          registry_->MakeToken(Role::kEdge, "", absl::Hours(24 * 31), {"h:1"}, now()).status()),
      FailCode::kBadField);
}

TEST_F(NodeRegistryTest, RevokedMembersHaveNoPinsAndNoRenewal) {
  ASSERT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  ASSERT_OK(registry_->Renew({Role::kEdge, "edge1"}, Csr(), now()));
  ASSERT_OK_AND_ASSIGN(const int pins, registry_->Revoke(Role::kEdge, "edge1"));
  EXPECT_EQ(pins, 1);
  EXPECT_TRUE(registry_->ValidPins().empty());
  EXPECT_EQ(FailCodeOf(registry_->Renew({Role::kEdge, "edge1"}, Csr(), now()).status()),
            FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(registry_->Renew({Role::kEdge, "edge9"}, Csr(), now()).status()),
            FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(registry_->Revoke(Role::kDatamgr, "edge1").status()), FailCode::kNotFound);
  EXPECT_EQ(EnrolCode(Secret(Role::kEdge), "edge1"), FailCode::kExists);
  ASSERT_OK(registry_->Remove("edge1"));
  EXPECT_EQ(FailCodeOf(registry_->Remove("edge1")), FailCode::kNotFound);
  EXPECT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
}

TEST_F(NodeRegistryTest, NodeNumbersAreNeverUsedAgain) {
  ASSERT_OK_AND_ASSIGN(const auto first,
                       registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  ASSERT_OK(registry_->Remove("edge1"));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto second,
                       registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  EXPECT_NE(first.node, second.node);
}

TEST_F(NodeRegistryTest, RenewalWithANewKeyKeepsTheOldOneUntilItExpires) {
  ASSERT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  key_ = PrivateKey::Generate(KeyKind::kP256);
  ASSERT_OK(registry_->Renew({Role::kEdge, "edge1"}, Csr(), now()));
  EXPECT_EQ(registry_->ValidPins().size(), 2);
  clock_.Advance(NodeRegistry::kNodeLifetime + absl::Hours(1));
  ASSERT_OK(registry_->Renew({Role::kEdge, "edge1"}, Csr(), now()));
  EXPECT_EQ(registry_->ValidPins().size(), 1);
}

TEST_F(NodeRegistryTest, OperatorsAndMgmtItself) {
  ASSERT_OK(registry_->AddOperator("admin", Csr(), now()));
  EXPECT_EQ(FailCodeOf(registry_->AddOperator("admin", Csr(), now()).status()), FailCode::kExists);
  ASSERT_OK_AND_ASSIGN(const std::string chain,
                       ca_.Issue(Csr(), {Role::kMgmt, "mgmt"}, absl::Hours(1)));
  ASSERT_OK_AND_ASSIGN(const NodeId self, registry_->AddSelf("mgmt", chain, now()));
  ASSERT_OK_AND_ASSIGN(const NodeId again, registry_->AddSelf("mgmt", chain, now()));
  EXPECT_EQ(self, again);
  EXPECT_EQ(FailCodeOf(registry_->Revoke(Role::kMgmt, "mgmt").status()), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(registry_->Remove("mgmt")), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(registry_->Remove("admin")), FailCode::kNotFound);
  EXPECT_OK(registry_->Revoke(Role::kOperator, "admin"));
  EXPECT_EQ(registry_->All().front().node, 0);
}

TEST_F(NodeRegistryTest, RemembersHowDataServersAreToBeUsed) {
  ASSERT_OK(registry_->Enrol(Secret(Role::kDataserver), "disk1", Csr(), now()));
  ASSERT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  v1::ConfigureDataServerRequest change;
  change.set_name("disk1");
  change.set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  ASSERT_OK(registry_->Configure(change));
  change.Clear();
  change.set_name("disk1");
  change.set_drain(true);
  ASSERT_OK_AND_ASSIGN(const auto now, registry_->Configure(change));
  EXPECT_EQ(now.storage_class(), v1::STORAGE_CLASS_NON_VOLATILE);
  Reopen();
  EXPECT_EQ(registry_->Find(Role::kDataserver, "disk1")->configuration.SerializeAsString(),
            now.SerializeAsString());
  change.set_name("edge1");
  EXPECT_EQ(FailCodeOf(registry_->Configure(change).status()), FailCode::kNotFound);
  change.set_name("disk1");
  change.set_capacity_bytes(1);
  EXPECT_EQ(FailCodeOf(registry_->Configure(change).status()), FailCode::kBadField);
  ASSERT_OK(registry_->Revoke(Role::kDataserver, "disk1"));
  EXPECT_EQ(FailCodeOf(registry_->Configure(change).status()), FailCode::kNotFound);
}

TEST_F(NodeRegistryTest, RemembersWhichMainServersDrain) {
  ASSERT_OK(registry_->Enrol(Secret(Role::kEdge), "edge1", Csr(), now()));
  ASSERT_OK(registry_->SetDrain("edge1", true, absl::Seconds(90)));
  Reopen();
  EXPECT_TRUE(registry_->Find(Role::kEdge, "edge1")->drain);
  EXPECT_EQ(registry_->Find(Role::kEdge, "edge1")->drain_within, absl::Seconds(90));
  ASSERT_OK(registry_->SetDrain("edge1", false, absl::ZeroDuration()));
  EXPECT_FALSE(registry_->Find(Role::kEdge, "edge1")->drain);
  EXPECT_EQ(FailCodeOf(registry_->SetDrain("edge2", true, {})), FailCode::kNotFound);
  EXPECT_EQ(FailCodeOf(registry_->SetDrain("edge1", true, absl::Hours(25))), FailCode::kBadField);
}

TEST_F(NodeRegistryTest, AFailedDiskAdmitsNobody) {
  const std::string secret = Secret(Role::kEdge);
  store_.BreakNextCommit(/*done=*/true);
  EXPECT_FALSE(registry_->Enrol(secret, "edge1", Csr(), now()).ok());
  EXPECT_TRUE(registry_->ValidPins().empty());
}

TEST(PinDiffTest, TellsWhatChanged) {
  PinDiff pins;
  const rpc::PinEntry a = {"aa", Role::kEdge, "edge1", 2};
  const rpc::PinEntry b = {"bb", Role::kOperator, "admin", 0};
  v1::Pins change = pins.Replace({a, b});
  EXPECT_FALSE(change.whole());
  EXPECT_EQ(change.valid_size(), 2);
  change = pins.Replace({b});
  EXPECT_EQ(change.valid_size(), 0);
  EXPECT_THAT(change.revoked(), testing::ElementsAre("aa"));
  change = pins.Replace({b});
  EXPECT_EQ(change.valid_size() + change.revoked_size(), 0);
  const v1::Pins whole = pins.Whole();
  EXPECT_TRUE(whole.whole());
  ASSERT_EQ(whole.valid_size(), 1);
  EXPECT_EQ(whole.valid(0).name(), "admin");
  EXPECT_EQ(whole.valid(0).role(), v1::ROLE_OPERATOR);
}

}  // namespace
}  // namespace convergia::mgmt
