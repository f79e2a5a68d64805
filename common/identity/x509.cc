#include "common/identity/x509.h"

#include <glog/logging.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "common/base/random.h"

namespace convergia::identity {
namespace {

constexpr int kChainCertificatesMax = 8;

std::string HexSha256(const unsigned char* der, size_t size) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(der, size, digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

void SetSerial(X509* certificate) {
  std::string bytes = SecureRandomBytes(16);
  bytes[0] = static_cast<char>((bytes[0] & 0x3f) | 0x40);  // Positive, and always 16 bytes.
  BIGNUM* const number =
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), 16, nullptr);
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
  BN_free(number);
}

}  // namespace

absl::StatusOr<std::vector<X509Ptr>> ReadChain(absl::string_view pem) {
  const ErrorQueueGuard guard;
  const BioPtr bio = ReadingBio(pem);
  std::vector<X509Ptr> chain;
  while (true) {
    X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (certificate == nullptr) break;
    chain.push_back(std::move(certificate));
    if (chain.size() > kChainCertificatesMax) {
      return absl::InvalidArgumentError("the chain has too many certificates");
    }
  }
  // The only good end is that no further "-----BEGIN" line was found.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return absl::InvalidArgumentError("a certificate in the PEM is damaged");
  }
  if (chain.empty()) return absl::InvalidArgumentError("there is no certificate in the PEM");
  return chain;
}

std::string PemOf(X509* certificate) {
  const BioPtr bio = WritingBio();
  CHECK(PEM_write_bio_X509(bio.get(), certificate));
  return TextOf(bio);
}

std::string FingerprintOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  CHECK(size > 0);
  const std::string hex = HexSha256(der, static_cast<size_t>(size));
  OPENSSL_free(der);
  return hex;
}

std::string PinOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  CHECK(size > 0);
  const std::string hex = HexSha256(der, static_cast<size_t>(size));
  OPENSSL_free(der);
  return hex;
}

X509Ptr MakeCertificate(EVP_PKEY* public_key, absl::string_view common_name, absl::Time not_before,
                        absl::Time not_after) {
  X509Ptr certificate(X509_new());
  X509* const raw = certificate.get();
  CHECK(X509_set_version(raw, X509_VERSION_3));
  SetSerial(raw);
  CHECK(ASN1_TIME_set(X509_getm_notBefore(raw), absl::ToTimeT(not_before)));
  CHECK(ASN1_TIME_set(X509_getm_notAfter(raw), absl::ToTimeT(not_after)));
  CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.data()),
                                   static_cast<int>(common_name.size()), -1, 0));
  CHECK(X509_set_pubkey(raw, public_key));
  return certificate;
}

void AddExtensions(X509* certificate, X509* issuer, const Extensions& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const auto& [nid, value] : extensions) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    CHECK(extension != nullptr) << "bad extension " << OBJ_nid2sn(nid) << " = " << value;
    CHECK(X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
  }
}

}  // namespace convergia::identity
