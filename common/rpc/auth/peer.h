#pragma once

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Who is at the other end of a call, as its certificate says; nothing in a request can change it.
struct Peer {
  Role role = Role::kEdge;
  std::string name;
  identity::Pin pin;
  NodeId node = 0;  // 0: an operator, or not asked for.
};

// Errors: the refusal of a caller that may not call the method (guarded_call.h).
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context);

// The same with `node` from `pins`. Errors: also kUnauthenticated if the key is revoked by now.
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context, const PinSet& pins);

// What the certificate `pem` says, remembered by its text: cheap for a certificate seen before.
// Thread-safe.
//
// Errors: those of identity::ReadCertificate().
absl::StatusOr<std::shared_ptr<const identity::CertificateFacts>> FactsOfPem(absl::string_view pem);

// `text` with each address in gRPC's own form, as ServerContext::peer() and error texts have them,
// in the usual form: "ipv6:%5B::1%5D:51604" becomes "[::1]:51604", "ipv4:10.0.0.5:80" becomes
// "10.0.0.5:80". All else stays.
std::string WithPlainAddresses(absl::string_view text);

// The certificate that the peer showed, as PEM; empty if none.
std::string PeerPem(const grpc::AuthContext& auth);

}  // namespace convergia::rpc
