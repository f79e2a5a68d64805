#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::identity {

enum class KeyKind {
  kP256,     // Certificates: every TLS library speaks it.
  kEd25519,  // Tickets: small signatures, quickly checked.
};

// A private key in memory. Thread-safe once made; move-only, so there is only one copy.
class PrivateKey {
 public:
  // A new one, from OpenSSL's CSPRNG. Dies if the machine cannot make one.
  static PrivateKey Generate(KeyKind kind);

  // Reads an unencrypted PEM, as ToPem() writes it.
  //
  // Errors: kInvalidArgument for what is no such PEM, or a key of another kind.
  static absl::StatusOr<PrivateKey> FromPem(absl::string_view pem);

  std::string ToPem() const;         // PKCS#8. Write it to disk with mode 0600 only.
  std::string PublicKeyPem() const;  // SubjectPublicKeyInfo.
  KeyKind kind() const { return kind_; }

  // The signature of `bytes`: 64 bytes. Only for kEd25519.
  std::string Sign(absl::string_view bytes) const;

  // For OpenSSL's functions; still owned here.
  EVP_PKEY* native() const { return key_.get(); }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const;
  };
  PrivateKey(std::unique_ptr<EVP_PKEY, Free> key, KeyKind kind)
      : key_(std::move(key)), kind_(kind) {}

  std::unique_ptr<EVP_PKEY, Free> key_;
  KeyKind kind_;
};

}  // namespace convergia::identity
