#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/transport/address.h"
#include "client/transport/stop.h"
#include "common/line/framer.h"
#include "common/line/reply.h"
#include "common/tls/context.h"
#include "common/tls/stream.h"

namespace convergia::client {

// The fields of a request. (g++ 12 cannot compile a braced list inside co_await.)
template <typename... Field>
std::vector<std::string> FieldsOf(Field&&... fields) {
  std::vector<std::string> list;
  list.reserve(sizeof...(fields));
  (list.emplace_back(std::forward<Field>(fields)), ...);
  return list;
}

// One TLS connection to a server (mgmt or an edge) with the line protocol. It gives requests their
// ids, matches the answers, and hands pushes to a callback. It answers the server's PING and sends
// its own when the server is silent for long.
//
// It lives on one io thread and is not thread-safe. Its coroutines keep it alive until it is
// closed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Options {
    absl::Duration dial_timeout = absl::Seconds(5);
    absl::Duration handshake_timeout = absl::Seconds(5);
    absl::Duration request_timeout = absl::Seconds(20);  // Longer than the slowest answer.
    absl::Duration ping_after = absl::Seconds(30);       // Of silence.
    absl::Duration ping_timeout = absl::Seconds(10);
    // Further requests are refused by this class with FailCode::kBusy.
    size_t requests_max = 1024;
    size_t outbox_bytes_max = 8 * 1024 * 1024;
    // Puts the text of a FAIL into other words, for people; without it the text stays as it is.
    std::function<std::string(absl::string_view)> reword;
  };

  // Decides by its certificate whether the server can be trusted, before the first byte of the
  // protocol is sent.
  using Verify = std::function<absl::Status(const tls::TlsStream&)>;
  // `word` and `data` are valid during the call. It gets INFO and BYE, but not PING.
  using OnPush = std::function<void(absl::string_view word, absl::string_view data)>;
  // The server or the network ended the connection. `why` is the server's reason (BYE), if it gave
  // one. Called at most once, and never after Close() or Quit().
  using OnClosed = std::function<void(const absl::Status& why)>;

  // Connects, completes the TLS handshake, and verifies the server.
  //
  // Errors: FailCode::kUnavailable if the server cannot be reached; those of `verify`.
  static asio::awaitable<absl::StatusOr<std::shared_ptr<Connection>>> Open(
      Address address, const tls::TlsContext& context, Options options, Verify verify,
      StopSource& stop, OnPush on_push, OnClosed on_closed);

  ~Connection();

  // Sends `word` with `fields` and awaits the answer: the data of OK.
  //
  // Errors: those that the server answered with FAIL. FailCode::kBadField for an LF in a field that
  // cannot hold one, FailCode::kBusy beyond the bounds, and FailCode::kUnavailable on a closed
  // connection: the request was not sent.
  // FailCode::kUnconfirmed: no answer came in time or before the connection ended, so the request
  // may have been carried out.
  asio::awaitable<absl::StatusOr<std::string>> Request(std::string word,
                                                       std::vector<std::string> fields);

  // Asks the server to end the connection. Earlier requests are answered and all pushes are
  // delivered before. Closes after `timeout` in any case.
  asio::awaitable<void> Quit(absl::Duration timeout);

  // Ends at once. Requests under way fail with FailCode::kUnconfirmed. Idempotent.
  void Close();

  // While paused, nothing is read and the server keeps its data. A server closes a connection that
  // does not read for long.
  void set_paused(bool paused);

  bool closed() const { return closed_; }
  // The value of `key` in the server's greeting; empty if there is none.
  std::string Info(absl::string_view key) const;
  // The last reason that the server gave for ending this connection (BYE, or a FAIL without an id);
  // OK if none.
  const absl::Status& farewell() const { return farewell_; }

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;  // Cancelled when `result` is set.
    std::optional<absl::StatusOr<std::string>> result;
  };
  using Id = uint64_t;

  Connection(asio::any_io_executor executor, asio::ip::tcp::socket socket,
             const tls::TlsContext& context, Options options, OnPush on_push, OnClosed on_closed);
  asio::awaitable<absl::Status> ShakeHands(const Verify& verify, StopSource& stop);
  void Start();

  static asio::awaitable<void> ReadLoop(std::shared_ptr<Connection> self);
  static asio::awaitable<void> WriteLoop(std::shared_ptr<Connection> self);
  static asio::awaitable<void> PingLoop(std::shared_ptr<Connection> self);
  asio::awaitable<absl::Status> WriteAll(absl::string_view bytes);

  absl::Status TakeBytes(absl::Span<char> bytes);
  absl::Status OnPacket(absl::string_view packet);
  void OnAnswer(const line::ServerPacket& packet);
  void TakePush(absl::string_view word, absl::string_view data);
  void Send(absl::string_view id, absl::string_view word, const std::vector<std::string>& fields);
  void End(const absl::Status& why);

  const asio::any_io_executor executor_;
  const Options options_;
  OnPush on_push_;
  OnClosed on_closed_;

  tls::TlsStream stream_;
  line::Framer framer_;
  std::array<char, 16 * 1024> read_buffer_;
  std::string outbox_;
  asio::steady_timer outbox_filled_;  // Never expires; cancelled to wake WriteLoop().
  asio::steady_timer resumed_;        // The same, for ReadLoop() while paused.
  asio::steady_timer ping_timer_;
  asio::steady_timer ended_;  // Never expires; cancelled when the connection has ended.

  Id next_id_ = 1;
  absl::flat_hash_map<Id, std::shared_ptr<Waiter>> waiting_;
  std::string info_;
  absl::Status farewell_;
  uint64_t bytes_taken_ = 0;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace convergia::client
