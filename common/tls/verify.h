#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/identity/certificate.h"
#include "common/tls/stream.h"

namespace convergia::tls {

// Who is at the other end, after the handshake: the facts of a certificate that the CA in `ca_pem`
// issued and that is valid at `now`. Which role and name may be there is the caller's to check.
//
// Errors: kUnauthenticated, saying what is wrong; kInvalidArgument if `ca_pem` is no certificate.
absl::StatusOr<identity::CertificateFacts> VerifyPeer(const TlsStream& stream,
                                                      absl::string_view ca_pem, absl::Time now);

// The same for a caller that knows no more than the pin of the one it expects.
//
// Errors: kUnauthenticated.
absl::Status VerifyPin(const TlsStream& stream, absl::string_view pin);

}  // namespace convergia::tls
