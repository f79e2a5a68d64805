#pragma once

#include <openssl/types.h>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/identity/certificate.h"
#include "common/tls/context.h"

namespace convergia::tls {

// One TLS connection: OpenSSL reads and writes the socket itself, asio only says when it may.
//
//   co_await stream.Handshake();
//   while (true) {
//     StatusOr<size_t> count = stream.TryRead(buffer);   // `buffer` is shared by many streams.
//     if (!count.ok()) break;
//     if (*count == 0) co_await stream.WaitReadable();
//   }
//
// The stream holds no buffer of its own, so an idle one costs only OpenSSL's state. All calls come
// from one thread (or strand), and none after Close(). At most one wait of each kind at a time.
class TlsStream {
 public:
  // Takes a connected socket and makes it non-blocking and TCP_NODELAY. `server_name` is what a
  // client asks for (SNI); empty asks for none.
  TlsStream(asio::ip::tcp::socket socket, const TlsContext& context,
            const std::string& server_name = "");
  ~TlsStream();
  TlsStream(TlsStream&&) = default;
  TlsStream& operator=(TlsStream&&) = delete;

  enum class Want { kNothing, kReadable, kWritable };

  // Goes as far with the handshake as it can. kNothing: done. Else call again after that wait.
  //
  // Errors: kInvalidArgument if what came is not TLS at all; kOutOfRange if the other side closed;
  // kUnavailable for all else.
  absl::StatusOr<Want> HandshakeStep();

  // The whole handshake. Errors: as HandshakeStep().
  asio::awaitable<absl::Status> Handshake();

  // Reads what is there, at most one TLS record. 0: nothing yet, wait until readable. After a
  // positive count, HasPending() tells whether to call again at once.
  //
  // Errors: kOutOfRange at the other side's orderly end; kUnavailable otherwise.
  absl::StatusOr<size_t> TryRead(absl::Span<char> buffer);
  bool HasPending() const;

  // Writes as much as the socket takes, at least one record or nothing. 0: wait until writable,
  // then give the same bytes again (they may have moved, and more may follow them).
  //
  // Errors: kUnavailable.
  absl::StatusOr<size_t> TryWrite(absl::string_view bytes);

  asio::awaitable<absl::Status> WaitReadable();
  asio::awaitable<absl::Status> WaitWritable();

  // The same with a handler `void(asio::error_code)`, for those who keep no coroutine.
  template <typename Handler>
  void AsyncWaitReadable(Handler&& handler) {
    socket_.async_wait(read_waits_for_, std::forward<Handler>(handler));
  }
  template <typename Handler>
  void AsyncWaitWritable(Handler&& handler) {
    socket_.async_wait(write_waits_for_, std::forward<Handler>(handler));
  }

  // What the other side presented, leaf first; empty if nothing.
  std::string PeerChainPem() const;
  identity::Pin PeerPin() const;

  // Says goodbye (close_notify) if the socket takes it at once, and ends our direction. What the
  // other side still sends can be read.
  void ShutdownSend();

  // Reads and forgets what is there, without decrypting. False once the other side has ended.
  bool DiscardInput(absl::Span<char> scratch);

  // Ends both directions now; pending waits end with operation_aborted. Idempotent.
  void Close();

  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  // Turns OpenSSL's answer `result` into what to wait for, or into an error.
  absl::StatusOr<Want> WantAfter(int result);

  asio::ip::tcp::socket socket_;
  std::unique_ptr<SSL, Free> ssl_;
  // Nearly always the obvious; a change of keys in mid-stream can turn them round.
  asio::ip::tcp::socket::wait_type read_waits_for_ = asio::ip::tcp::socket::wait_read;
  asio::ip::tcp::socket::wait_type write_waits_for_ = asio::ip::tcp::socket::wait_write;
};

}  // namespace convergia::tls
