#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/session/dialect.h"
#include "common/session/server_state.h"
#include "common/session/shard.h"

namespace convergia::session {

// One address to listen on, and the dialect of its connections.
struct PortOptions {
  std::string address;  // "host:port", "[::1]:port"; port 0 takes a free one.
  MakeDialect make_dialect;
  // How long a connection may stay without signing in.
  absl::Duration sign_in_timeout = limits::kSignInTimeout;
};

// One listening socket: accepts connections and spreads them over the shards. It lives on the first
// shard's thread, once started.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // Binds and listens.
  //
  // Errors: kInvalidArgument for a bad address, kUnavailable if it cannot be bound.
  static absl::StatusOr<std::shared_ptr<Listener>> Create(
      PortOptions port, ServerState& server, std::vector<std::shared_ptr<Shard>> shards);

  void Start();  // Only on the first shard's thread, or before it runs.
  void Stop();   // Likewise. No connection is accepted from here on.

  // "host:port", with the port that was given or assigned.
  std::string address() const { return address_; }

 private:
  Listener(PortOptions port, ServerState& server, std::vector<std::shared_ptr<Shard>> shards);
  absl::Status Bind();
  void AcceptNext();
  void OnAccepted(asio::error_code error, asio::ip::tcp::socket socket);
  void Admit(asio::ip::tcp::socket socket, const std::shared_ptr<Shard>& shard);
  void AcceptLater(const asio::error_code& error);
  Shard& home() { return *shards_.front(); }

  const PortOptions port_;
  ServerState& server_;
  const std::vector<std::shared_ptr<Shard>> shards_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer retry_timer_;
  std::string address_;
  size_t next_shard_ = 0;
  bool is_stopped_ = false;
};

}  // namespace convergia::session
