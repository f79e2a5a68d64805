#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/key.h"

// The contents of a node's certificate, and the request for one. certificate_authority.h issues
// certificates.
namespace convergia::identity {

// The role and name of a node (or of an operator). The name obeys ParseNodeName().
struct NodeIdentity {
  Role role = Role::kEdge;
  std::string name;

  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

// "spiffe://convergia/<role>/<name>": the URI in the certificate, and the only place in it from
// which an identity is read.
std::string SpiffeUri(const NodeIdentity& identity);

// Errors: kInvalidArgument.
absl::StatusOr<NodeIdentity> ParseSpiffeUri(absl::string_view uri);

// "<name>.<role>.convergia": the DNS name in the certificate. Callers of gRPC expect it of the
// server, so that both its role and its name are checked.
std::string TlsName(const NodeIdentity& identity);

// SHA-256 over the DER of the public key (SPKI), as 64 lower-case hexadecimal digits. It outlives
// renewals that keep the key.
using Pin = std::string;

struct CertificateFacts {
  NodeIdentity identity;
  Pin pin;
  std::string serial;  // Lower-case hexadecimal.
  absl::Time not_before;
  absl::Time not_after;
};

// All below read the first certificate of `pem`, which may be a chain, leaf first.
// Errors: kInvalidArgument for what holds no certificate, or (ReadCertificate) not exactly one
// identity of ours.
absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem);
absl::StatusOr<Pin> PinOfPem(absl::string_view pem);
// SHA-256 over the DER of the whole certificate, as 64 lower-case hexadecimal digits.
absl::StatusOr<std::string> FingerprintOfPem(absl::string_view pem);

// The one certificate in `chain_pem` that has `fingerprint`, as a PEM of its own: how a node that
// knows only the fingerprint of its CA (join_token.h) finds the CA in what a server presented.
//
// Errors: kNotFound.
absl::StatusOr<std::string> FindByFingerprint(absl::string_view chain_pem,
                                              absl::string_view fingerprint);

// The facts of the leaf of `chain_pem`, after checking that it is signed by the CA in `ca_pem`,
// that `now` is within its dates, and that it is a node's certificate.
//
// Errors: kUnauthenticated, saying what is wrong; kInvalidArgument for bad PEM.
absl::StatusOr<CertificateFacts> VerifyChain(absl::string_view chain_pem, absl::string_view ca_pem,
                                             absl::Time now);

// A signing request (PEM) that proves possession of `key`. Its names are a courtesy to readers: the
// issuer decides the identity.
std::string MakeCsr(const PrivateKey& key, const NodeIdentity& identity);

}  // namespace convergia::identity
