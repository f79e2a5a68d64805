#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/identity/certificate.h"
#include "common/tls/stream.h"

namespace convergia::tls {

// The identity of the other end, after the handshake: the facts of its certificate, which the CA in
// `ca_pem` must have issued and which must be valid at `now`. The caller checks role and name.
//
// Errors: kUnauthenticated, saying what is wrong; kInvalidArgument if `ca_pem` is no certificate.
absl::StatusOr<identity::CertificateFacts> VerifyPeer(const TlsStream& stream,
                                                      absl::string_view ca_pem, absl::Time now);

// The same for a caller that knows only the pin of the expected peer.
//
// Errors: kUnauthenticated.
absl::Status VerifyPin(const TlsStream& stream, absl::string_view pin);

}  // namespace convergia::tls
