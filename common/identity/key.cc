#include "common/identity/key.h"

#include <glog/logging.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "common/identity/openssl_ptr.h"

namespace convergia::identity {
namespace {

std::optional<KeyKind> KindOf(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519")) return KeyKind::kEd25519;
  char group[32] = {};
  if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) &&
      absl::string_view(group) == "prime256v1") {
    return KeyKind::kP256;
  }
  return std::nullopt;
}

}  // namespace

void PrivateKey::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

PrivateKey PrivateKey::Generate(KeyKind kind) {
  EVP_PKEY* const key =
      kind == KeyKind::kP256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  CHECK(key != nullptr) << "OpenSSL cannot make a key";
  return PrivateKey(std::unique_ptr<EVP_PKEY, Free>(key), kind);
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(absl::string_view pem) {
  const ErrorQueueGuard guard;
  const BioPtr bio = ReadingBio(pem);
  std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr)
    return absl::InvalidArgumentError("this is no unencrypted private key in PEM");
  const std::optional<KeyKind> kind = KindOf(key.get());
  if (!kind) return absl::InvalidArgumentError("the private key is neither P-256 nor Ed25519");
  return PrivateKey(std::move(key), *kind);
}

std::string PrivateKey::ToPem() const {
  const BioPtr bio = WritingBio();
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), native(), nullptr, nullptr, 0, nullptr, nullptr));
  return TextOf(bio);
}

std::string PrivateKey::PublicKeyPem() const {
  const BioPtr bio = WritingBio();
  CHECK(PEM_write_bio_PUBKEY(bio.get(), native()));
  return TextOf(bio);
}

std::string PrivateKey::Sign(absl::string_view bytes) const {
  CHECK(kind_ == KeyKind::kEd25519);
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, native()));
  std::string signature(64, '\0');
  size_t size = signature.size();
  CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  CHECK(size == signature.size());
  return signature;
}

}  // namespace convergia::identity
