#pragma once

#include <openssl/types.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace convergia::tls {

// What all TLS connections of one kind share: side, versions (1.3, at least 1.2), key. Buffers are
// given back while a connection is idle, nothing is kept for resumption, and nobody renegotiates.
//
// Thread-safe. Connections made from it keep what they need of it.
class TlsContext {
 public:
  // For a server that presents `chain_pem` (leaf first) and asks clients for no certificate.
  //
  // Errors: kInvalidArgument if either is no PEM or the two do not belong together.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Server(absl::string_view chain_pem,
                                                            absl::string_view key_pem);

  // For a client. The handshake accepts any certificate: who is there is the caller's question
  // right after it (verify.h, TlsStream::PeerPin), before a byte of meaning is sent.
  static std::unique_ptr<TlsContext> Client();

  // From the next connection on, a server presents this. Errors: as Server(); nothing changes then.
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
