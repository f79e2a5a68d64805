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

// The other end of a call, as its certificate names it. Nothing in a request can change it.
struct Peer {
  Role role = Role::kEdge;
  std::string name;
  identity::Pin pin;
  NodeId node = 0;  // 0 for an operator, and if PeerOf() had no pins.
};

// The caller of `context`. Thread-safe.
//
// Errors: the refusal if the caller may not call the method (guarded_call.h).
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context);

// The same with `node` from `pins`. Errors: also kUnauthenticated if the key is no longer in `pins`
// under this role and name.
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context, const PinSet& pins);

// The facts of the certificate `pem`. A cache of the process keeps them by the text of `pem`, so a
// known certificate costs one look-up. Pass only certificates that TLS has checked, because they
// fill the cache. Thread-safe.
//
// Errors: those of identity::ReadCertificate().
absl::StatusOr<std::shared_ptr<const identity::CertificateFacts>> FactsOfPem(absl::string_view pem);

// Returns `text` with each address that has gRPC's form in the usual form. ServerContext::peer()
// and error texts of gRPC have such addresses. "ipv6:%5B::1%5D:51604" becomes "[::1]:51604",
// "ipv4:10.0.0.5:80" becomes "10.0.0.5:80". The rest of the text stays.
std::string WithPlainAddresses(absl::string_view text);

// The certificate that the peer showed, as PEM. Empty if it showed none.
std::string PeerPem(const grpc::AuthContext& auth);

}  // namespace convergia::rpc
