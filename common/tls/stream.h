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

// One TLS connection. OpenSSL reads and writes the socket itself; asio only waits for it.
//
//   co_await stream.Handshake();
//   while (true) {
//     StatusOr<size_t> count = stream.TryRead(buffer);   // `buffer` is shared by many streams.
//     if (!count.ok()) break;
//     if (*count == 0) co_await stream.WaitReadable();
//   }
//
// The stream has no buffer of its own, so an idle one costs only OpenSSL's state. All calls must
// come from one thread (or strand), and none after Close(). At most one wait of each kind at a
// time.
class TlsStream {
 public:
  // Takes a connected socket and makes it non-blocking and TCP_NODELAY. `server_name` is the SNI of
  // a client; empty: none.
  TlsStream(asio::ip::tcp::socket socket, const TlsContext& context,
            const std::string& server_name = "");
  ~TlsStream();
  TlsStream(TlsStream&&) = default;
  TlsStream& operator=(TlsStream&&) = delete;

  enum class Want { kNothing, kReadable, kWritable };

  // Continues the handshake as far as it can. kNothing: done. Else call again after that wait.
  //
  // Errors: kInvalidArgument if the received bytes are not TLS; kOutOfRange if the other side
  // closed; kUnavailable for all else.
  absl::StatusOr<Want> HandshakeStep();

  // The whole handshake. Errors: as HandshakeStep().
  asio::awaitable<absl::Status> Handshake();

  // Reads the bytes that are there, at most one TLS record. 0: none yet, wait until readable. After
  // a positive count, HasPending() says whether to call again at once.
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

  // The same with a handler `void(asio::error_code)` in place of a coroutine.
  template <typename Handler>
  void AsyncWaitReadable(Handler&& handler) {
    socket_.async_wait(read_waits_for_, std::forward<Handler>(handler));
  }
  template <typename Handler>
  void AsyncWaitWritable(Handler&& handler) {
    socket_.async_wait(write_waits_for_, std::forward<Handler>(handler));
  }

  // The certificates that the other side presented, leaf first; empty if none.
  std::string PeerChainPem() const;
  identity::Pin PeerPin() const;

  // Sends close_notify if the socket takes it at once, and ends our direction. Bytes of the other
  // side can still be read.
  void ShutdownSend();

  // Reads and drops the bytes that are there, without decrypting. False once the other side has
  // ended.
  bool DiscardInput(absl::Span<char> scratch);

  // Ends both directions now; pending waits end with operation_aborted. Idempotent.
  void Close();

  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  // Translates OpenSSL's `result` into the next wait, or into an error.
  absl::StatusOr<Want> WantAfter(int result);

  asio::ip::tcp::socket socket_;
  std::unique_ptr<SSL, Free> ssl_;
  // Usually read waits for reading and write for writing; a key update can swap them.
  asio::ip::tcp::socket::wait_type read_waits_for_ = asio::ip::tcp::socket::wait_read;
  asio::ip::tcp::socket::wait_type write_waits_for_ = asio::ip::tcp::socket::wait_write;
};

}  // namespace convergia::tls
