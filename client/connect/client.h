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
#include "client/connect/address.h"
#include "client/connect/connection.h"
#include "client/connect/start_plan.h"
#include "common/base/clock.h"

namespace convergia::client {

// An online message, as it arrived.
struct Message {
  std::string from;
  absl::Time sent;  // When the sender's main server took it.
  std::string body;
};

struct ClientOptions {
  Address management;
  // Who vouches for mgmt: only a server whose certificate this CA gave the role mgmt is talked to.
  std::string ca_pem;

  std::string user;
  // At least one of the two. The password is kept in memory for when the ticket has expired.
  std::string password;
  std::string ticket;

  StartMemory memory;  // Of an earlier Client, from ClientObserver::OnMemory().

  Connection::Options connection;
  StartPlan::Options plan;
  absl::Duration probe_timeout = absl::Seconds(3);
  absl::Duration probes_time = absl::Seconds(10);  // For all of them together.
  absl::Duration retry_first = absl::Milliseconds(500);
  absl::Duration retry_max = absl::Seconds(30);
  absl::Duration quit_timeout = absl::Seconds(2);
  // When it moves to another main server: how long it stays at both, until every other one has
  // heard where it is now; and how long the old one may take to end, with what is unanswered there.
  absl::Duration move_grace = absl::Seconds(2);
  absl::Duration move_quit_timeout = absl::Seconds(12);
  const Clock* clock = &RealClock::Get();
};

// What happens to a Client. All calls come on its io thread and must not block.
class ClientObserver {
 public:
  virtual ~ClientObserver() = default;

  virtual void OnMessage(const Message& message) {}
  // Every other push (docs/PROTOCOL.md), as it came; valid during the call.
  virtual void OnPush(absl::string_view word, absl::string_view data) {}
  // Signed in at `server`; requests go there from now on.
  virtual void OnUp(const MainServer& server) {}
  // The main server is gone and another is being looked for.
  virtual void OnDown(const absl::Status& why) {}
  // Nothing but the user can help: the password or ticket is refused. The client has stopped
  // trying.
  virtual void OnGaveUp(const absl::Status& why) {}
  // To be kept for the next start: each is good until the next call.
  virtual void OnTicket(absl::string_view ticket, absl::Time expires) {}
  virtual void OnMemory(const StartMemory& memory) {}
};

// A user's connection to Convergia: finds a main server through mgmt (start_plan.h), signs in,
// comes back by itself when the connection is lost, and moves when it is told to.
//
// Lives on the one thread that runs `io`; not thread-safe (BlockingClient is). Close() must have
// finished before it is destroyed, unless `io` never runs again.
class Client {
 public:
  // `io` and `observer` must outlive the client. Nothing happens before Start() or a request.
  Client(asio::io_context& io, ClientOptions options, ClientObserver* observer);
  ~Client();

  // Begins to connect and goes on until Close(), or until it gives up. After that, or with a new
  // password, it may be called again.
  void Start();
  void set_password(std::string password);

  // While paused, nothing is read from the main server: for an application that cannot take more
  // messages now.
  void set_paused(bool paused);

  // Awaits that the client is signed in at a main server.
  //
  // Errors: the reason it gave up, or FailCode::kDenied as soon as mgmt proves not to be the one
  // that is trusted; past `timeout`, why the latest attempt failed.
  asio::awaitable<absl::Status> WaitUp(absl::Duration timeout);

  // Sends an online message. The answer is how many sessions of `to` have it in their outbox.
  //
  // Errors: those of Request(); FailCode::kOffline, kNoSuchUser, kUnroutable: nothing was
  // delivered.
  asio::awaitable<absl::StatusOr<int>> SendMessage(std::string to, std::string body);

  // Any command of the main server (docs/PROTOCOL.md). Awaits, within the request timeout, that the
  // client is up. Requests made one after the other reach the server in that order.
  //
  // Errors: those of WaitUp() and Connection::Request().
  asio::awaitable<absl::StatusOr<std::string>> Request(std::string word,
                                                       std::vector<std::string> fields);

  // Any command of mgmt, over a connection of its own, signed in. Needs no Start().
  asio::awaitable<absl::StatusOr<std::string>> RequestAtManagement(std::string word,
                                                                   std::vector<std::string> fields);

  // Any command of mgmt that needs no sign-in, over a connection of its own.
  asio::awaitable<absl::StatusOr<std::string>> RequestWithoutSignIn(
      std::string word, std::vector<std::string> fields);

  // Leaves the main server and waits for all that was begun.
  asio::awaitable<void> Close();

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace convergia::client
