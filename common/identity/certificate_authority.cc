#include "common/identity/certificate_authority.h"

#include <glog/logging.h>
#include <openssl/pem.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/identity/openssl_ptr.h"
#include "common/identity/x509.h"

namespace convergia::identity {
namespace {

const EVP_MD* DigestFor(const PrivateKey& key) {
  return key.kind() == KeyKind::kEd25519 ? nullptr : EVP_sha256();  // Ed25519 has its own.
}

absl::StatusOr<X509ReqPtr> ReadCsr(absl::string_view pem) {
  const BioPtr bio = ReadingBio(pem);
  X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, NoPassphrase, nullptr));
  if (request == nullptr) {
    return absl::InvalidArgumentError("this is no certificate signing request in PEM");
  }
  return request;
}

// The requester must hold the private key, or a stranger's key could get our name.
absl::Status VerifyPossession(X509_REQ* request) {
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request);
  char group[32] = {};
  const bool is_p256 = key != nullptr && EVP_PKEY_is_a(key, "EC") &&
                       EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1 &&
                       absl::string_view(group) == "prime256v1";
  if (!is_p256 && (key == nullptr || !EVP_PKEY_is_a(key, "ED25519"))) {
    return absl::InvalidArgumentError("the key in the signing request is not P-256 or Ed25519");
  }
  if (X509_REQ_verify(request, key) != 1) {
    return absl::InvalidArgumentError("the signing request is not signed by its own key");
  }
  return absl::OkStatus();
}

}  // namespace

void CertificateAuthority::Free::operator()(X509* certificate) const { X509_free(certificate); }

CertificateAuthority::CertificateAuthority(PrivateKey key, Certificate certificate,
                                           const Clock& clock)
    : key_(std::move(key)),
      certificate_(std::move(certificate)),
      clock_(&clock),
      certificate_pem_(PemOf(certificate_.get())),
      fingerprint_(FingerprintOf(certificate_.get())) {}

CertificateAuthority CertificateAuthority::Create(const Clock& clock) {
  PrivateKey key = PrivateKey::Generate(KeyKind::kP256);
  const absl::Time now = clock.Now();
  X509Ptr certificate =
      MakeCertificate(key.native(), "Convergia CA", now - kClockSkew, now + kOwnLifetime);
  X509* const raw = certificate.get();
  CHECK(X509_set_issuer_name(raw, X509_get_subject_name(raw)));
  AddExtensions(raw, raw,
                {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                 {NID_key_usage, "critical,keyCertSign,cRLSign"},
                 {NID_subject_key_identifier, "hash"}});
  CHECK(X509_sign(raw, key.native(), DigestFor(key)) > 0);
  return CertificateAuthority(std::move(key), Certificate(certificate.release()), clock);
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Load(absl::string_view certificate_pem,
                                                                absl::string_view key_pem,
                                                                const Clock& clock) {
  const ErrorQueueGuard guard;
  CVG_ASSIGN_OR_RETURN(std::vector<X509Ptr> chain, ReadChain(certificate_pem));
  CVG_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(key_pem));
  X509* const certificate = chain.front().get();
  if (X509_check_ca(certificate) != 1) {
    return absl::InvalidArgumentError("the certificate is not that of a CA");
  }
  if (X509_check_private_key(certificate, key.native()) != 1) {
    return absl::InvalidArgumentError("the CA's key does not belong to its certificate");
  }
  return CertificateAuthority(std::move(key), Certificate(chain.front().release()), clock);
}

absl::StatusOr<std::string> CertificateAuthority::Issue(absl::string_view csr_pem,
                                                        const NodeIdentity& identity,
                                                        absl::Duration lifetime) const {
  const ErrorQueueGuard guard;
  // The name goes into extensions as text, where a comma would start another one.
  CVG_ASSIGN_OR_RETURN(const NodeIdentity named, ParseSpiffeUri(SpiffeUri(identity)));
  CVG_ASSIGN_OR_RETURN(const X509ReqPtr request, ReadCsr(csr_pem));
  CVG_RETURN_IF_ERROR(VerifyPossession(request.get()));
  const absl::Time now = clock_->Now();
  const std::string tls_name = TlsName(named);
  const X509Ptr leaf = MakeCertificate(X509_REQ_get0_pubkey(request.get()), tls_name,
                                       now - kClockSkew, now + lifetime);
  CHECK(X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get())));
  AddExtensions(
      leaf.get(), certificate_.get(),
      {{NID_basic_constraints, "critical,CA:FALSE"},
       {NID_key_usage, "critical,digitalSignature"},
       {NID_ext_key_usage, "serverAuth,clientAuth"},
       {NID_subject_key_identifier, "hash"},
       {NID_authority_key_identifier, "keyid:always"},
       {NID_subject_alt_name, absl::StrCat("URI:", SpiffeUri(named), ",DNS:", tls_name)}});
  CHECK(X509_sign(leaf.get(), key_.native(), DigestFor(key_)) > 0);
  return absl::StrCat(PemOf(leaf.get()), certificate_pem_);
}

}  // namespace convergia::identity
