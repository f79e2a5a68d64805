#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/connect/start_plan.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/tls/context.h"
#include "common/tls/stream.h"

namespace convergia::client {

// A server for tests. It speaks the line protocol over TLS, and a handler gives the answers. It
// runs on the io_context of the test and listens on a free loopback port.
class FakeServer {
 public:
  // The data of OK, a FAIL, or no answer.
  using Answer = std::optional<absl::StatusOr<std::string>>;
  using Handler = std::function<Answer(absl::string_view word, absl::string_view data)>;

  // Shows a certificate of `ca` for `identity`. The server itself answers PING and QUIT; `handler`
  // answers every other request.
  FakeServer(asio::io_context& io, const identity::CertificateAuthority& ca,
             const identity::NodeIdentity& identity, Handler handler);
  ~FakeServer();

  std::string address() const;
  const identity::Pin& pin() const { return pin_; }
  MainServer AsMainServer() const { return {name_, address(), pin_}; }

  // The requests of all connections in order, as "WORD data"; PINGs too.
  const std::vector<std::string>& requests() const { return requests_; }
  int CountRequests(absl::string_view word) const;

  // Sends a push to all connections.
  void Push(absl::string_view word, absl::string_view data);
  void SendRaw(absl::string_view bytes);
  void CloseAll();
  size_t connections() const;
  // Refuses connections from now on.
  void StopListening();
  // Accepts connections from now on, but sends nothing, not even TLS.
  void set_mute(bool mute) { mute_ = mute; }
  // Reads every request from now on and answers none, not even PING.
  void set_frozen(bool frozen) { frozen_ = frozen; }

 private:
  struct Session;
  asio::awaitable<void> AcceptLoop();
  static asio::awaitable<void> Serve(FakeServer* server, std::shared_ptr<Session> session);
  void OnPacket(Session& session, absl::string_view packet);

  asio::io_context& io_;
  const std::string name_;
  const Handler handler_;
  std::unique_ptr<tls::TlsContext> context_;
  identity::Pin pin_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::endpoint endpoint_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::vector<std::string> requests_;
  bool mute_ = false;
  bool frozen_ = false;
};

}  // namespace convergia::client
