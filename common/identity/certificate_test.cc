#include "common/identity/certificate.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"

namespace convergia::identity {
namespace {

using absl::StatusCode;

const NodeIdentity kEdge1 = {Role::kEdge, "edge1"};

class CertificateTest : public testing::Test {
 protected:
  std::string IssueFor(const PrivateKey& key, const NodeIdentity& identity,
                       absl::Duration lifetime = absl::Hours(24)) {
    const auto chain = ca_.Issue(MakeCsr(key, identity), identity, lifetime);
    EXPECT_OK(chain);
    return chain.value_or("");
  }

  FakeClock clock_;
  const CertificateAuthority ca_ = CertificateAuthority::Create(clock_);
  const PrivateKey key_ = PrivateKey::Generate(KeyKind::kP256);
};

TEST_F(CertificateTest, StatesItsFacts) {
  const std::string chain = IssueFor(key_, kEdge1);
  ASSERT_OK_AND_ASSIGN(const CertificateFacts facts, ReadCertificate(chain));
  EXPECT_EQ(facts.identity, kEdge1);
  EXPECT_EQ(facts.pin.size(), 64);
  EXPECT_EQ(facts.serial.size(), 32);
  EXPECT_EQ(facts.not_before, clock_.Now() - CertificateAuthority::kClockSkew);
  EXPECT_EQ(facts.not_after, clock_.Now() + absl::Hours(24));
  EXPECT_EQ(PinOfPem(chain).value(), facts.pin);
}

TEST_F(CertificateTest, ThePinOutlivesARenewalAndTheSerialDoesNot) {
  ASSERT_OK_AND_ASSIGN(const CertificateFacts first, ReadCertificate(IssueFor(key_, kEdge1)));
  ASSERT_OK_AND_ASSIGN(const CertificateFacts second, ReadCertificate(IssueFor(key_, kEdge1)));
  EXPECT_EQ(first.pin, second.pin);
  EXPECT_NE(first.serial, second.serial);
  const PrivateKey other = PrivateKey::Generate(KeyKind::kEd25519);
  EXPECT_NE(PinOfPem(IssueFor(other, kEdge1)).value(), first.pin);
}

TEST_F(CertificateTest, TheIssuerDecidesTheIdentityWhateverTheRequestSays) {
  const std::string csr = MakeCsr(key_, {Role::kMgmt, "mgmt"});
  ASSERT_OK_AND_ASSIGN(const std::string chain, ca_.Issue(csr, kEdge1, absl::Hours(1)));
  EXPECT_EQ(ReadCertificate(chain)->identity, kEdge1);
  EXPECT_EQ(VerifyChain(chain, ca_.certificate_pem(), clock_.Now())->identity, kEdge1);
  EXPECT_FALSE(absl::StrContains(chain, "mgmt"));
}

TEST_F(CertificateTest, NamesThatCouldAddToTheCertificateAreRefused) {
  const std::string csr = MakeCsr(key_, kEdge1);
  for (const char* name : {"", "a,DNS:mgmt.mgmt.convergia", "a/b", "A", "-a", "a b", "a\nb"}) {
    EXPECT_THAT(ca_.Issue(csr, {Role::kEdge, name}, absl::Hours(1)),
                StatusIs(StatusCode::kInvalidArgument))
        << name;
  }
}

TEST_F(CertificateTest, RefusesRequestsNotSignedByTheirOwnKey) {
  const std::string csr = MakeCsr(key_, kEdge1);
  BIO* bio = BIO_new_mem_buf(csr.data(), static_cast<int>(csr.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  const PrivateKey other = PrivateKey::Generate(KeyKind::kP256);
  X509_REQ_set_pubkey(request, other.native());  // A stranger's key under our signature.
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  EXPECT_THAT(ca_.Issue(absl::string_view(data, size), kEdge1, absl::Hours(1)),
              StatusIs(StatusCode::kInvalidArgument));
  BIO_free(bio);
  X509_REQ_free(request);
}

TEST_F(CertificateTest, RefusesKeysOfOtherKinds) {
  EVP_PKEY* const rsa = EVP_RSA_gen(2048);
  X509_REQ* const request = X509_REQ_new();
  X509_REQ_set_pubkey(request, rsa);
  X509_REQ_sign(request, rsa, EVP_sha256());
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  EXPECT_THAT(ca_.Issue(absl::string_view(data, size), kEdge1, absl::Hours(1)),
              StatusIs(StatusCode::kInvalidArgument));
  BIO_free(bio);
  X509_REQ_free(request);
  EVP_PKEY_free(rsa);
}

TEST_F(CertificateTest, BadPemOfAllSortsIsInvalid) {
  const std::string chain = IssueFor(key_, kEdge1);
  std::string damaged = chain;
  damaged[100] = damaged[100] == 'A' ? 'B' : 'A';
  std::string second_damaged = chain;
  second_damaged[chain.rfind("-----BEGIN") + 60] = '#';
  const std::string bad[] = {"",
                             "hello",
                             "-----BEGIN CERTIFICATE-----\n",
                             "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                             "-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n",
                             chain.substr(0, 300),
                             second_damaged,
                             key_.ToPem(),
                             key_.PublicKeyPem(),
                             MakeCsr(key_, kEdge1),
                             std::string(1 << 16, '\0')};
  for (const std::string& pem : bad) {
    EXPECT_THAT(ReadCertificate(pem), StatusIs(StatusCode::kInvalidArgument)) << pem;
    EXPECT_THAT(PinOfPem(pem), StatusIs(StatusCode::kInvalidArgument)) << pem;
    EXPECT_FALSE(VerifyChain(pem, ca_.certificate_pem(), clock_.Now()).ok());
    EXPECT_FALSE(VerifyChain(chain, pem, clock_.Now()).ok());
    EXPECT_FALSE(CertificateAuthority::Load(pem, ca_.key_pem(), clock_).ok());
    EXPECT_FALSE(
        CertificateAuthority::Load(ca_.certificate_pem(), absl::StrCat(pem, "x"), clock_).ok());
  }
  EXPECT_FALSE(VerifyChain(damaged, ca_.certificate_pem(), clock_.Now()).ok());
  for (const std::string& pem : {std::string(), std::string("x"), chain, key_.ToPem()}) {
    EXPECT_THAT(ca_.Issue(pem, kEdge1, absl::Hours(1)), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(CertificateTest, VerifiesOnlyWithinItsDatesAndAgainstItsCa) {
  const std::string chain = IssueFor(key_, kEdge1, absl::Hours(1));
  const std::string& ca_pem = ca_.certificate_pem();
  const absl::Time now = clock_.Now();
  EXPECT_OK(VerifyChain(chain, ca_pem, now));
  EXPECT_OK(VerifyChain(chain, ca_pem, now + absl::Minutes(59)));
  EXPECT_THAT(VerifyChain(chain, ca_pem, now + absl::Minutes(61)),
              StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyChain(chain, ca_pem, now - absl::Minutes(6)),
              StatusIs(StatusCode::kUnauthenticated));
  const CertificateAuthority other = CertificateAuthority::Create(clock_);
  EXPECT_THAT(VerifyChain(chain, other.certificate_pem(), now),
              StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyChain(ca_pem, ca_pem, now), StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(CertificateTest, AnIssuedCertificateCannotIssue) {
  const std::string chain = IssueFor(key_, kEdge1);
  EXPECT_THAT(CertificateAuthority::Load(chain, key_.ToPem(), clock_),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(CertificateTest, ALoadedCaIsTheSameCa) {
  ASSERT_OK_AND_ASSIGN(const CertificateAuthority loaded,
                       CertificateAuthority::Load(ca_.certificate_pem(), ca_.key_pem(), clock_));
  EXPECT_EQ(loaded.fingerprint(), ca_.fingerprint());
  ASSERT_OK_AND_ASSIGN(const std::string chain,
                       loaded.Issue(MakeCsr(key_, kEdge1), kEdge1, absl::Hours(1)));
  EXPECT_OK(VerifyChain(chain, ca_.certificate_pem(), clock_.Now()));
  const CertificateAuthority other = CertificateAuthority::Create(clock_);
  EXPECT_FALSE(CertificateAuthority::Load(ca_.certificate_pem(), other.key_pem(), clock_).ok());
}

TEST_F(CertificateTest, TheCaIsFoundInAChainByItsFingerprint) {
  const std::string chain = IssueFor(key_, kEdge1);
  EXPECT_EQ(FingerprintOfPem(ca_.certificate_pem()).value(), ca_.fingerprint());
  EXPECT_EQ(FindByFingerprint(chain, ca_.fingerprint()).value(), ca_.certificate_pem());
  EXPECT_THAT(FindByFingerprint(chain, std::string(64, '0')), StatusIs(StatusCode::kNotFound));
}

TEST(SpiffeUriTest, RoundTripsEveryRoleAndRefusesAllElse) {
  for (const Role role :
       {Role::kMgmt, Role::kDatamgr, Role::kDataserver, Role::kEdge, Role::kOperator}) {
    const NodeIdentity identity = {role, "n-1.x_y"};
    EXPECT_EQ(ParseSpiffeUri(SpiffeUri(identity)).value(), identity);
  }
  EXPECT_EQ(TlsName(kEdge1), "edge1.edge.convergia");
  for (const char* bad :
       {"", "spiffe://convergia/edge", "spiffe://convergia/edge/", "spiffe://convergia/edge/a/b",
        "spiffe://convergia/king/a", "spiffe://elsewhere/edge/a", "spiffe://convergia/edge/A",
        "SPIFFE://convergia/edge/a", "spiffe://convergia//a"}) {
    EXPECT_FALSE(ParseSpiffeUri(bad).ok()) << bad;
  }
}

TEST(PrivateKeyTest, RoundTripsThroughPem) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kEd25519}) {
    const PrivateKey key = PrivateKey::Generate(kind);
    ASSERT_OK_AND_ASSIGN(const PrivateKey read, PrivateKey::FromPem(key.ToPem()));
    EXPECT_EQ(read.kind(), kind);
    EXPECT_EQ(read.PublicKeyPem(), key.PublicKeyPem());
    EXPECT_FALSE(PrivateKey::FromPem(key.PublicKeyPem()).ok());
    EXPECT_FALSE(PrivateKey::FromPem(key.ToPem().substr(0, 60)).ok());
  }
  EXPECT_FALSE(PrivateKey::FromPem("").ok());
}

}  // namespace
}  // namespace convergia::identity
