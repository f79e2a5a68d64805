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

// A server for tests that speaks the line protocol over TLS and answers as it is told. Runs on the
// io_context of the test, so nothing here is seen half done. Listens on a free loopback port.
class FakeServer {
 public:
  // The data of OK, a FAIL, or nothing at all.
  using Answer = std::optional<absl::StatusOr<std::string>>;
  using Handler = std::function<Answer(absl::string_view word, absl::string_view data)>;

  // Presents a certificate of `ca` for `identity`. PING and QUIT are answered here; everything else
  // by `handler`.
  FakeServer(asio::io_context& io, const identity::CertificateAuthority& ca,
             const identity::NodeIdentity& identity, Handler handler);
  ~FakeServer();

  std::string address() const;
  const identity::Pin& pin() const { return pin_; }
  MainServer AsMainServer() const { return {name_, address(), pin_}; }

  // Requests as they came, "WORD data", of all connections, PINGs too.
  const std::vector<std::string>& requests() const { return requests_; }
  int CountRequests(absl::string_view word) const;

  // To all connections.
  void Push(absl::string_view word, absl::string_view data);
  void SendRaw(absl::string_view bytes);
  void CloseAll();
  size_t connections() const;
  // Connections are refused from now on.
  void StopListening();
  // Accept, and then say nothing, not even TLS.
  void set_mute(bool mute) { mute_ = mute; }
  // Take every request from now on and answer none, PING neither.
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
