#pragma once

#include <openssl/types.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace convergia::tls {

// The settings that all TLS connections of one kind share: side, versions (1.3 and 1.2), key.
// OpenSSL releases a connection's buffers while it is idle. There is no resumption and no
// renegotiation.
//
// Thread-safe. Connections made from it may outlive it.
class TlsContext {
 public:
  // For a server that presents `chain_pem` (leaf first) and asks clients for no certificate.
  //
  // Errors: kInvalidArgument if either is no PEM or the two do not belong together.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Server(absl::string_view chain_pem,
                                                            absl::string_view key_pem);

  // For a client. The handshake accepts any certificate. The caller must verify the peer right
  // after it (verify.h, TlsStream::PeerPin), before it sends anything.
  static std::unique_ptr<TlsContext> Client();

  // Changes the certificate for new connections of a server. Errors: as Server(); then nothing
  // changes.
  absl::Status Reload(absl::string_view chain_pem, absl::string_view key_pem)
      ABSL_LOCKS_EXCLUDED(mu_);

  bool is_server() const { return is_server_; }

  // A connection of this side without a socket; the caller owns it.
  SSL* NewSsl() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  TlsContext(bool is_server, std::shared_ptr<SSL_CTX> context)
      : is_server_(is_server), context_(std::move(context)) {}

  const bool is_server_;
  mutable absl::Mutex mu_;
  std::shared_ptr<SSL_CTX> context_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::tls
