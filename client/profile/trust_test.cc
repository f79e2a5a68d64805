#include "client/profile/trust.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"

namespace convergia::client {
namespace {

class TrustTest : public testing::Test {
 protected:
  std::string ChainOf(Role role) {
    const identity::NodeIdentity identity = {role, "one"};
    const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    return *ca_.Issue(identity::MakeCsr(key, identity), identity, absl::Hours(1));
  }
  const identity::CertificateAuthority ca_ =
      identity::CertificateAuthority::Create(RealClock::Get());
};

TEST_F(TrustTest, CaOfManagementIsTheLastOfItsChain) {
  ASSERT_OK_AND_ASSIGN(const std::string ca,
                       CaOfChain(ChainOf(Role::kMgmt), RealClock::Get().Now()));
  ASSERT_OK_AND_ASSIGN(const std::string fingerprint, identity::FingerprintOfPem(ca));
  EXPECT_EQ(fingerprint, ca_.fingerprint());
}

TEST_F(TrustTest, OtherRolesAndStrangersAreDenied) {
  const absl::Time now = RealClock::Get().Now();
  EXPECT_EQ(FailCodeOf(CaOfChain(ChainOf(Role::kEdge), now).status()), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(CaOfChain("", now).status()), FailCode::kDenied);
  const std::string chain = ChainOf(Role::kMgmt);
  const std::string leaf = chain.substr(0, chain.rfind("-----BEGIN"));
  EXPECT_EQ(FailCodeOf(CaOfChain(leaf, now).status()), FailCode::kDenied);
  const auto other = identity::CertificateAuthority::Create(RealClock::Get());
  EXPECT_EQ(FailCodeOf(CaOfChain(leaf + other.certificate_pem(), now).status()), FailCode::kDenied);
}

TEST(FingerprintTest, IsReadInAnyUsualSpelling) {
  const std::string digits(64, 'a');
  ASSERT_OK_AND_ASSIGN(const std::string plain, ParseFingerprint(digits));
  EXPECT_EQ(plain, digits);
  std::string colons;
  for (int i = 0; i < 32; ++i) absl::StrAppend(&colons, i == 0 ? "" : ":", "AA");
  ASSERT_OK_AND_ASSIGN(const std::string read, ParseFingerprint(colons));
  EXPECT_EQ(read, digits);
  EXPECT_FALSE(ParseFingerprint("").ok());
  EXPECT_FALSE(ParseFingerprint(digits + "a").ok());
  EXPECT_FALSE(ParseFingerprint(std::string(64, 'g')).ok());
}

}  // namespace
}  // namespace convergia::client
