#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/key.h"

namespace convergia::identity {

// The cluster's own CA: one self-signed certificate, whose key stays at mgmt. Thread-safe.
class CertificateAuthority {
 public:
  // Certificates begin this long before they are made, for clocks that differ.
  static constexpr absl::Duration kClockSkew = absl::Minutes(5);
  static constexpr absl::Duration kOwnLifetime = absl::Hours(24 * 365 * 20);

  // A new CA. `clock` must outlive it.
  static CertificateAuthority Create(const Clock& clock);

  // Errors: kInvalidArgument if the two are not PEM, do not belong together, or are no CA.
  static absl::StatusOr<CertificateAuthority> Load(absl::string_view certificate_pem,
                                                   absl::string_view key_pem, const Clock& clock);

  // A certificate for the key in `csr_pem`, naming `identity` and nothing of what the request
  // names. Valid for `lifetime` from now. Returns the chain: leaf, then CA.
  //
  // Errors: kInvalidArgument for a request that is no PEM, is not signed by its own key, or has a
  // key that is neither P-256 nor Ed25519; or for an invalid name.
  absl::StatusOr<std::string> Issue(absl::string_view csr_pem, const NodeIdentity& identity,
                                    absl::Duration lifetime) const;

  const std::string& certificate_pem() const { return certificate_pem_; }
  std::string key_pem() const { return key_.ToPem(); }
  // As FingerprintOfPem(certificate_pem()).
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  struct Free {
    void operator()(X509* certificate) const;
  };
  using Certificate = std::unique_ptr<X509, Free>;
  CertificateAuthority(PrivateKey key, Certificate certificate, const Clock& clock);

  PrivateKey key_;
  Certificate certificate_;
  const Clock* clock_;
  std::string certificate_pem_;
  std::string fingerprint_;
};

}  // namespace convergia::identity
