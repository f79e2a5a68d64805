#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/identity/certificate.h"
#include "common/rpc/call_policy.h"
#include "common/rpc/pin_set.h"

namespace convergia::rpc {

// Paths of PEM files. They are read again every second, so a renewed certificate takes effect
// without a restart; a renewal that changes the key must replace key and chain in one step (nodes
// keep theirs).
struct TlsFiles {
  std::string ca;
  std::string certificate_chain;  // Leaf first.
  std::string key;
};

// TLS that asks callers for a certificate of our CA, and refuses each call that `policy` forbids
// its caller or whose key is not in `pins`; callers without a certificate reach only what the
// policy leaves open to anyone. `policy` and `pins` must outlive the server.
//
// Errors: what is wrong with the files, naming the one.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files, const CallPolicy& policy, const PinSet& pins);

// A channel that shows our certificate, and connects only to `server`: its certificate must be of
// our CA and name exactly that role and name (an empty name: any of that role). With `pins`, the
// server's key must also be in it, at the moment of connecting; `pins` must then outlive the
// channel.
//
// `address` is "host:port". A name may stand for several addresses of that server: all are
// connected to at once and those that answer are used, so a dead one delays nothing. A channel to a
// name may so have several connections, and calls (not messages of one stream) may overtake each
// other.
//
// Never fails: what is wrong shows as kUnavailable at the first call. Reconnects by itself.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const TlsFiles& files,
                                           const identity::NodeIdentity& server,
                                           const PinSet* pins = nullptr);

// A channel without a certificate of our own, for Cluster.Enrol alone: to any mgmt of this CA.
std::shared_ptr<grpc::Channel> MakeEnrolChannel(const std::string& address,
                                                const std::string& ca_pem);

}  // namespace convergia::rpc
