#include "common/tls/stream.h"

#include <glog/logging.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::tls {
namespace {

// The record layer's complaints about bytes that never were TLS.
bool IsNotTls(int reason) {
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return true;
    default:
      return false;
  }
}

absl::Status ConnectionLost(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("the connection is lost: ", why));
}

absl::Status ProtocolError() {
  const unsigned long error = ERR_peek_error();
  if (error == 0) return ConnectionLost("TLS failed");
  const int reason = ERR_GET_REASON(error);
  const char* const text = ERR_reason_error_string(error);
  if (IsNotTls(reason)) return absl::InvalidArgumentError("what came is not TLS");
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return ConnectionLost("closed by the peer");
  return ConnectionLost(text != nullptr ? text : "TLS failed");
}

asio::awaitable<absl::Status> Wait(asio::ip::tcp::socket& socket,
                                   asio::ip::tcp::socket::wait_type kind) {
  asio::error_code error;
  co_await socket.async_wait(kind, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return ConnectionLost(error.message());
  co_return absl::OkStatus();
}

}  // namespace

void TlsStream::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(asio::ip::tcp::socket socket, const TlsContext& context,
                     const std::string& server_name)
    : socket_(std::move(socket)), ssl_(context.NewSsl()) {
  asio::error_code ignored;  // A socket that is already gone shows at the first read.
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  CHECK(SSL_set_fd(ssl_.get(), socket_.native_handle()));
  if (context.is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (!server_name.empty()) SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str());
  }
}

TlsStream::~TlsStream() = default;

absl::StatusOr<TlsStream::Want> TlsStream::WantAfter(int result) {
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Want::kReadable;
    case SSL_ERROR_WANT_WRITE:
      return Want::kWritable;
    case SSL_ERROR_ZERO_RETURN:
      return absl::OutOfRangeError("the other side has ended the connection");
    case SSL_ERROR_SYSCALL:
      return ConnectionLost(saved_errno == 0 ? "closed by the peer" : std::strerror(saved_errno));
    default:
      return ProtocolError();
  }
}

absl::StatusOr<TlsStream::Want> TlsStream::HandshakeStep() {
  ERR_clear_error();  // Another connection's error on this thread would be taken for ours.
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Want::kNothing;
  return WantAfter(result);
}

asio::awaitable<absl::Status> TlsStream::Handshake() {
  while (true) {
    CVG_CO_ASSIGN_OR_RETURN(const Want want, HandshakeStep());
    if (want == Want::kNothing) co_return absl::OkStatus();
    const auto kind = want == Want::kReadable ? asio::ip::tcp::socket::wait_read
                                              : asio::ip::tcp::socket::wait_write;
    CVG_CO_RETURN_IF_ERROR(co_await Wait(socket_, kind));
  }
}

absl::StatusOr<size_t> TlsStream::TryRead(absl::Span<char> buffer) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
  if (result == 1) {
    read_waits_for_ = asio::ip::tcp::socket::wait_read;
    return count;
  }
  CVG_ASSIGN_OR_RETURN(const Want want, WantAfter(result));
  read_waits_for_ = want == Want::kWritable ? asio::ip::tcp::socket::wait_write
                                            : asio::ip::tcp::socket::wait_read;
  return 0;
}

bool TlsStream::HasPending() const { return SSL_has_pending(ssl_.get()) == 1; }

absl::StatusOr<size_t> TlsStream::TryWrite(absl::string_view bytes) {
  if (bytes.empty()) return 0;
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) {
    write_waits_for_ = asio::ip::tcp::socket::wait_write;
    return count;
  }
  absl::StatusOr<Want> want = WantAfter(result);
  if (!want.ok()) return ConnectionLost(want.status().message());
  write_waits_for_ = *want == Want::kReadable ? asio::ip::tcp::socket::wait_read
                                              : asio::ip::tcp::socket::wait_write;
  return 0;
}

asio::awaitable<absl::Status> TlsStream::WaitReadable() { return Wait(socket_, read_waits_for_); }

asio::awaitable<absl::Status> TlsStream::WaitWritable() { return Wait(socket_, write_waits_for_); }

std::string TlsStream::PeerChainPem() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  X509* const leaf = SSL_get1_peer_certificate(ssl_.get());
  if (leaf != nullptr) PEM_write_bio_X509(bio, leaf);
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_.get());
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    X509* const certificate = sk_X509_value(chain, i);  // On a client the leaf is among them.
    if (leaf == nullptr || X509_cmp(certificate, leaf) != 0) PEM_write_bio_X509(bio, certificate);
  }
  X509_free(leaf);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

identity::Pin TlsStream::PeerPin() const { return identity::PinOfPem(PeerChainPem()).value_or(""); }

void TlsStream::ShutdownSend() {
  if (!socket_.is_open()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  asio::error_code ignored;  // The other side may have been quicker.
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

bool TlsStream::DiscardInput(absl::Span<char> scratch) {
  while (true) {
    const ssize_t count =
        recv(socket_.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (count > 0) continue;
    if (count < 0 && errno == EINTR) continue;
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

void TlsStream::Close() {
  asio::error_code ignored;  // Nothing to be done about a close that fails.
  socket_.close(ignored);
}

}  // namespace convergia::tls
