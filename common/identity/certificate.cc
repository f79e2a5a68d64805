#include "common/identity/certificate.h"

#include <glog/logging.h>
#include <openssl/pem.h>

#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/identity/openssl_ptr.h"
#include "common/identity/x509.h"

namespace convergia::identity {
namespace {

constexpr absl::string_view kSpiffePrefix = "spiffe://convergia/";

using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using BnPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return absl::InvalidArgumentError("the certificate has an unreadable date");
  }
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string SerialOf(const X509* certificate) {
  const BnPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  CHECK(number != nullptr);
  char* const hex = BN_bn2hex(number.get());
  std::string serial = absl::AsciiStrToLower(hex);
  OPENSSL_free(hex);
  return serial;
}

absl::StatusOr<NodeIdentity> IdentityOf(const X509* certificate) {
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<std::string> uri;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    if (uri) return absl::InvalidArgumentError("the certificate names more than one identity");
    const ASN1_STRING* const text = name->d.uniformResourceIdentifier;
    uri = std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
  }
  if (!uri) return absl::InvalidArgumentError("the certificate names no Convergia node");
  return ParseSpiffeUri(*uri);
}

absl::StatusOr<CertificateFacts> FactsOf(const X509* certificate) {
  CertificateFacts facts;
  CVG_ASSIGN_OR_RETURN(facts.identity, IdentityOf(certificate));
  facts.pin = PinOf(certificate);
  facts.serial = SerialOf(certificate);
  CVG_ASSIGN_OR_RETURN(facts.not_before, TimeOf(X509_get0_notBefore(certificate)));
  CVG_ASSIGN_OR_RETURN(facts.not_after, TimeOf(X509_get0_notAfter(certificate)));
  return facts;
}

absl::Status VerifyAgainst(X509* leaf, X509* ca, absl::Time now) {
  const StorePtr store(X509_STORE_new());
  CHECK(X509_STORE_add_cert(store.get(), ca));
  const StoreCtxPtr context(X509_STORE_CTX_new());
  CHECK(X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr));
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), absl::ToTimeT(now));
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  return absl::UnauthenticatedError(absl::StrCat("the certificate is not valid in this cluster: ",
                                                 X509_verify_cert_error_string(error)));
}

}  // namespace

std::string SpiffeUri(const NodeIdentity& identity) {
  return absl::StrCat(kSpiffePrefix, RoleWord(identity.role), "/", identity.name);
}

absl::StatusOr<NodeIdentity> ParseSpiffeUri(absl::string_view uri) {
  const absl::Status bad = absl::InvalidArgumentError("the URI names no Convergia node");
  if (!absl::StartsWith(uri, kSpiffePrefix)) return bad;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(uri.substr(kSpiffePrefix.size()), '/');
  if (parts.size() != 2) return bad;
  const std::optional<Role> role = RoleFromWord(parts[0]);
  const absl::StatusOr<std::string> name = ParseNodeName(parts[1]);
  if (!role || !name.ok() || *name != parts[1]) return bad;
  return NodeIdentity{*role, *name};
}

std::string TlsName(const NodeIdentity& identity) {
  return absl::StrCat(identity.name, ".", RoleWord(identity.role), ".convergia");
}

absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem) {
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ReadChain(pem));
  return FactsOf(chain.front().get());
}

absl::StatusOr<Pin> PinOfPem(absl::string_view pem) {
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ReadChain(pem));
  return PinOf(chain.front().get());
}

absl::StatusOr<std::string> FingerprintOfPem(absl::string_view pem) {
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ReadChain(pem));
  return FingerprintOf(chain.front().get());
}

absl::StatusOr<std::string> FindByFingerprint(absl::string_view chain_pem,
                                              absl::string_view fingerprint) {
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ReadChain(chain_pem));
  for (const X509Ptr& certificate : chain) {
    if (FingerprintOf(certificate.get()) == fingerprint) return PemOf(certificate.get());
  }
  return absl::NotFoundError("no certificate with the expected fingerprint was presented");
}

absl::StatusOr<CertificateFacts> VerifyChain(absl::string_view chain_pem, absl::string_view ca_pem,
                                             absl::Time now) {
  const ErrorQueueGuard guard;
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ReadChain(chain_pem));
  CVG_ASSIGN_OR_RETURN(const std::vector<X509Ptr> ca, ReadChain(ca_pem));
  X509* const leaf = chain.front().get();
  CVG_RETURN_IF_ERROR(VerifyAgainst(leaf, ca.front().get(), now));
  // The CA itself would verify too, but it is no node.
  const absl::StatusOr<CertificateFacts> facts = FactsOf(leaf);
  if (!facts.ok()) return absl::UnauthenticatedError(facts.status().message());
  return facts;
}

std::string MakeCsr(const PrivateKey& key, const NodeIdentity& identity) {
  const X509ReqPtr request(X509_REQ_new());
  const std::string name = TlsName(identity);
  CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1));
  CHECK(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name.data()),
                                   static_cast<int>(name.size()), -1, 0));
  CHECK(X509_REQ_set_pubkey(request.get(), key.native()));
  const EVP_MD* const digest = key.kind() == KeyKind::kEd25519 ? nullptr : EVP_sha256();
  CHECK(X509_REQ_sign(request.get(), key.native(), digest) > 0);
  const BioPtr bio = WritingBio();
  CHECK(PEM_write_bio_X509_REQ(bio.get(), request.get()));
  return TextOf(bio);
}

}  // namespace convergia::identity
