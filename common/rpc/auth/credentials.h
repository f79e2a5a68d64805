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
// without a restart. A renewal keeps the key. (A new key would need both files replaced between two
// reads.)
struct TlsFiles {
  std::string ca;
  std::string certificate_chain;  // Leaf first.
  std::string key;
};

// Which keys may shake hands with a server.
enum class Handshake {
  kKnownKeys,  // Keys in the server's set of pins.
  // Any key with a certificate of our CA. mgmt uses this: a revoked node then reads in the refusal
  // of its call that it is revoked, and ends. The door refuses all its calls.
  kOurCa,
};

// The conditions of a server for callers: TLS, and the rules of the door. `policy` and `pins`
// outlive the server.
struct ServerCredentials {
  std::shared_ptr<grpc::ServerCredentials> tls;
  const CallPolicy* policy = nullptr;
  const PinSet* pins = nullptr;
};

// TLS with certificates on both sides. The handshake fails, before a byte of HTTP/2 is read, unless
// the caller shows a certificate of our CA that names a node or an operator, and `handshake` admits
// its key. After that the door (door.h) judges each call by `policy` and `pins`.
//
// Errors: those of identity::ReadFileToString(), with the path; kInvalidArgument if a file holds no
// certificate or key that we can use. Whether key and chain belong together is not checked.
absl::StatusOr<ServerCredentials> MakeServerCredentials(
    const TlsFiles& files, const CallPolicy& policy, const PinSet& pins,
    Handshake handshake = Handshake::kKnownKeys);

// A channel that shows our certificate and connects only to `server`. The certificate of the server
// must be of our CA and have exactly that role and name; an empty name admits any of the role. If
// `pins` is given, it must have the server's key at the moment of connecting; it outlives the
// channel.
//
// `address` is "host:port". A name may resolve to several addresses of that server. The channel
// connects to all at once and uses those that answer, so a dead one delays nothing. The channel may
// therefore have several connections. Calls may overtake each other; the messages of one stream
// keep their order.
//
// Never fails: an error shows as kUnavailable at the first call. Reconnects by itself. Thread-safe.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const TlsFiles& files,
                                           const identity::NodeIdentity& server,
                                           const PinSet* pins = nullptr);

}  // namespace convergia::rpc
