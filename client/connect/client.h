#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/start_plan.h"
#include "client/transport/address.h"
#include "client/transport/connection.h"
#include "common/base/clock.h"

namespace convergia::client {

// An online message, as it arrived.
struct Message {
  std::string from;
  absl::Time sent;  // When the sender's main server accepted it.
  std::string body;
};

struct ClientOptions {
  Address management;
  // The CA that vouches for mgmt. The client only talks to a server to which this CA issued a
  // certificate of the role mgmt.
  std::string ca_pem;

  std::string user;
  // At least one of the two is needed. The client keeps the password in memory for the time after
  // the ticket expires.
  std::string password;
  std::string ticket;

  StartMemory memory;  // Of an earlier Client, from ClientObserver::OnMemory().

  Connection::Options connection;
  StartPlan::Options plan;
  absl::Duration probe_timeout = absl::Seconds(3);
  absl::Duration probes_time = absl::Seconds(10);  // For all probes together.
  absl::Duration retry_first = absl::Milliseconds(500);
  absl::Duration retry_max = absl::Seconds(30);
  absl::Duration quit_timeout = absl::Seconds(2);
  // During a move to another main server: how long the client stays at both, so that every other
  // server learns its new place; then how long the old server may take to answer what is open and
  // to end.
  absl::Duration move_grace = absl::Seconds(2);
  absl::Duration move_quit_timeout = absl::Seconds(12);
  const Clock* clock = &RealClock::Get();
};

// Told of everything that happens to a Client. All calls come on its io thread and must not block.
class ClientObserver {
 public:
  virtual ~ClientObserver() = default;

  virtual void OnMessage(const Message& message) {}
  // Every other push (docs/PROTOCOL.md). The arguments are valid during the call.
  virtual void OnPush(absl::string_view word, absl::string_view data) {}
  // Signed in at `server`; requests go there from now on.
  virtual void OnUp(const MainServer& server) {}
  // The connection to the main server is lost; the client looks for another one.
  virtual void OnDown(const absl::Status& why) {}
  // The password or ticket is refused, so only the user can help. The client has stopped trying.
  virtual void OnGaveUp(const absl::Status& why) {}
  // Worth keeping for the next start. Each is valid until the next call.
  virtual void OnTicket(absl::string_view ticket, absl::Time expires) {}
  virtual void OnMemory(const StartMemory& memory) {}
};

// A user's connection to Convergia. It finds a main server through mgmt (start_plan.h), signs in,
// reconnects after a lost connection, and moves to another server when the server asks for that.
//
// It lives on the thread that runs `io` and is not thread-safe (BlockingClient is). Close() must
// finish before the destructor runs, unless `io` never runs again.
class Client {
 public:
  // `io` and `observer` must outlive the client. Nothing happens before Start() or a request.
  Client(asio::io_context& io, ClientOptions options, ClientObserver* observer);
  ~Client();

  // Connects, and stays connected until Close() or until the client gives up. After it has given
  // up, Start() may be called again, also with a new password.
  void Start();
  void set_password(std::string password);

  // While paused, nothing is read from the main server. For an application that cannot take further
  // messages now.
  void set_paused(bool paused);

  // Waits until the client is signed in at a main server.
  //
  // Errors: the reason for giving up; FailCode::kDenied as soon as mgmt proves not to be trusted;
  // after `timeout`, the failure of the latest attempt.
  asio::awaitable<absl::Status> WaitUp(absl::Duration timeout);

  // Sends an online message. Returns the number of sessions of `to` that have it in their outbox.
  //
  // Errors: those of Request(); FailCode::kOffline, kNoSuchUser, kUnroutable: it was delivered to
  // nobody.
  asio::awaitable<absl::StatusOr<int>> SendMessage(std::string to, std::string body);

  // Sends any command of the main server (docs/PROTOCOL.md). Waits until the client is up, within
  // the request timeout. Requests reach the server in the order of the calls.
  //
  // Errors: those of WaitUp() and Connection::Request().
  asio::awaitable<absl::StatusOr<std::string>> Request(std::string word,
                                                       std::vector<std::string> fields);

  // Sends any command of mgmt over a new connection, signed in. Needs no Start().
  asio::awaitable<absl::StatusOr<std::string>> RequestAtManagement(std::string word,
                                                                   std::vector<std::string> fields);

  // Sends any command of mgmt that needs no sign-in, over a new connection.
  asio::awaitable<absl::StatusOr<std::string>> RequestWithoutSignIn(
      std::string word, std::vector<std::string> fields);

  // Leaves the main server and waits for all work under way.
  asio::awaitable<void> Close();

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace convergia::client
