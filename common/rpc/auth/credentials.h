#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/identity/certificate.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Paths of PEM files. They are read again every second, so a renewed certificate takes effect
// without a restart; a renewal that changes the key must replace key and chain in one step (nodes
// keep theirs).
struct TlsFiles {
  std::string ca;
  std::string certificate_chain;  // Leaf first.
  std::string key;
};

// Which keys may shake hands with a server.
enum class Handshake {
  kKnownKeys,  // Those in its set of pins.
  // Any of our CA. mgmt's way: it tells nodes that are revoked that they are, and the node ends. No
  // call of such a key gets through all the same.
  kOurCa,
};

// How a server meets those who connect: TLS, and who may call what. `policy` and `pins` outlive the
// server.
struct ServerCredentials {
  std::shared_ptr<grpc::ServerCredentials> tls;
  const CallPolicy* policy = nullptr;
  const PinSet* pins = nullptr;
};

// TLS that ends in the handshake, before a byte of HTTP/2 is read, unless the caller shows a
// certificate of our CA that names a node or an operator, and its key may shake hands. Then each
// call that `policy` forbids its caller, or whose key is not in `pins`, is refused (door.h).
//
// Errors: what is wrong with the files, naming the one.
absl::StatusOr<ServerCredentials> MakeServerCredentials(
    const TlsFiles& files, const CallPolicy& policy, const PinSet& pins,
    Handshake handshake = Handshake::kKnownKeys);

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

}  // namespace convergia::rpc
