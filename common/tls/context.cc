#include "common/tls/context.h"

#include <glog/logging.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <csignal>
#include <utility>

#include "common/base/status_macros.h"

namespace convergia::tls {
namespace {

std::shared_ptr<SSL_CTX> MakeContext(bool is_server) {
  // OpenSSL writes to sockets with write(2), and a closed one must be an error, not the end of us.
  static const auto ignored [[maybe_unused]] = std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* const raw = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  CHECK(raw != nullptr);
  std::shared_ptr<SSL_CTX> context(raw, SSL_CTX_free);
  CHECK(SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION));
  // The cheapest of the good ones first: 128-bit AES-GCM, X25519.
  CHECK(SSL_CTX_set_ciphersuites(
      raw, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"));
  CHECK(SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20"));
  CHECK(SSL_CTX_set1_groups_list(raw, "X25519:P-256"));
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);  // One read(2) a record, not one for its header too.
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  return context;
}

int NoPassphrase(char*, int, int, void*) { return -1; }

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

BioPtr Reading(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status UseChain(SSL_CTX* context, absl::string_view chain_pem) {
  const BioPtr bio = Reading(chain_pem);
  bool is_leaf = true;
  while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    const bool used = is_leaf ? SSL_CTX_use_certificate(context, certificate) == 1
                              : SSL_CTX_add1_chain_cert(context, certificate) == 1;
    X509_free(certificate);
    if (!used) return absl::InvalidArgumentError("a certificate of the chain cannot be used");
    is_leaf = false;
  }
  if (is_leaf) return absl::InvalidArgumentError("there is no certificate in the PEM");
  return absl::OkStatus();
}

absl::Status UseKey(SSL_CTX* context, absl::string_view key_pem) {
  const BioPtr bio = Reading(key_pem);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr);
  if (key == nullptr)
    return absl::InvalidArgumentError("this is no unencrypted private key in PEM");
  // Refused if it does not belong to the certificate.
  const bool used = SSL_CTX_use_PrivateKey(context, key) == 1;
  EVP_PKEY_free(key);
  if (!used || SSL_CTX_check_private_key(context) != 1) {
    return absl::InvalidArgumentError("the private key does not belong to the certificate");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeServerContext(absl::string_view chain_pem,
                                                           absl::string_view key_pem) {
  std::shared_ptr<SSL_CTX> context = MakeContext(/*is_server=*/true);
  ERR_clear_error();
  absl::Status status = UseChain(context.get(), chain_pem);
  if (status.ok()) status = UseKey(context.get(), key_pem);
  ERR_clear_error();
  if (!status.ok()) return status;
  return context;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Server(absl::string_view chain_pem,
                                                               absl::string_view key_pem) {
  CVG_ASSIGN_OR_RETURN(std::shared_ptr<SSL_CTX> context, MakeServerContext(chain_pem, key_pem));
  return std::unique_ptr<TlsContext>(new TlsContext(/*is_server=*/true, std::move(context)));
}

std::unique_ptr<TlsContext> TlsContext::Client() {
  return std::unique_ptr<TlsContext>(
      new TlsContext(/*is_server=*/false, MakeContext(/*is_server=*/false)));
}

absl::Status TlsContext::Reload(absl::string_view chain_pem, absl::string_view key_pem) {
  CHECK(is_server_);
  CVG_ASSIGN_OR_RETURN(std::shared_ptr<SSL_CTX> context, MakeServerContext(chain_pem, key_pem));
  absl::MutexLock lock(&mu_);
  context_.swap(context);
  return absl::OkStatus();
}

SSL* TlsContext::NewSsl() const {
  absl::MutexLock lock(&mu_);
  SSL* const ssl = SSL_new(context_.get());  // Holds its own reference to the context.
  CHECK(ssl != nullptr);
  return ssl;
}

}  // namespace convergia::tls
