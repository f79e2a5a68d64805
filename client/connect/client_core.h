#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/connect/client.h"
#include "client/connect/management.h"
#include "client/connect/move_filter.h"
#include "client/transport/stop.h"
#include "common/base/backoff.h"
#include "common/tls/context.h"

namespace convergia::client {

// The shell around StartPlan: it carries out the plan's actions and tells the plan the outcomes.
// Only client.cc uses it. The public functions are those of Client.
class Client::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& io, ClientOptions options, ClientObserver* observer);

  void Start();
  void set_password(std::string password);
  void set_paused(bool paused);
  asio::awaitable<absl::Status> WaitUp(absl::Duration timeout);
  asio::awaitable<absl::StatusOr<std::string>> Request(std::string word,
                                                       std::vector<std::string> fields);
  asio::awaitable<absl::StatusOr<std::string>> RequestAtManagement(std::string word,
                                                                   std::vector<std::string> fields);
  asio::awaitable<absl::StatusOr<std::string>> RequestWithoutSignIn(
      std::string word, std::vector<std::string> fields);
  asio::awaitable<void> Close();

 private:
  // A signed-in connection to a main server.
  struct Link {
    MainServer server;
    std::shared_ptr<Connection> connection;
    bool leaving = false;  // QUIT was sent: no further requests.
    // While the client moves here, arriving pushes are held until the old connection has ended, up
    // to a bound in bytes.
    bool holds = false;
    std::deque<std::pair<std::string, std::string>> held;
    size_t held_bytes = 0;
  };

  // Runs `work` to its end; Close() waits for it.
  void Spawn(asio::awaitable<void> work);
  static asio::awaitable<void> RunCounted(std::shared_ptr<Core> self, asio::awaitable<void> work);

  // Carry out the actions of the plan: all of them, then one of each kind.
  void Do(StartPlan::Actions actions);
  void Run(const StartPlan::SignInAtManagement& action);
  void Run(const StartPlan::ListMainServers& action);
  void Run(const StartPlan::Probe& action);
  void Run(const StartPlan::Report& action);
  void Run(const StartPlan::Connect& action);
  void Run(const StartPlan::CheckKey& action);
  void Run(const StartPlan::Wait& action);
  void Run(const StartPlan::LeaveManagement& action);
  void Run(const StartPlan::GiveUp& action);

  asio::awaitable<void> SignInAtManagement(StartPlan::Secret secret);
  asio::awaitable<void> List();
  asio::awaitable<void> Probe(MainServer server);
  asio::awaitable<void> Report(std::vector<Measure> measures);
  asio::awaitable<void> Connect(MainServer server);
  asio::awaitable<void> CheckKeyAtManagement(std::string name, std::string pin);
  asio::awaitable<void> Wait();
  asio::awaitable<void> Move(MainServer server);
  asio::awaitable<void> StayAtBoth(std::shared_ptr<Link> next);

  asio::awaitable<absl::StatusOr<std::shared_ptr<Connection>>> OpenManagement();
  asio::awaitable<absl::Status> SignInAsAllowed(Connection& management);
  asio::awaitable<absl::StatusOr<SignedIn>> SignInWith(Connection& connection,
                                                       StartPlan::Secret secret);
  // Connects to `server` and signs in. Sets `*shown_pin` if the server shows another key than
  // expected.
  asio::awaitable<absl::StatusOr<std::shared_ptr<Link>>> OpenLink(MainServer server, bool holds,
                                                                  std::string* shown_pin);
  void TakeTicket(const SignedIn& signed_in);
  void OnPush(Link& link, absl::string_view word, absl::string_view data);
  void Deliver(const Link& link, absl::string_view word, absl::string_view data);
  void DeliverMessage(const Link& link, absl::string_view data);
  void Release(Link& link);
  void OnLinkClosed(Link& link, const absl::Status& why);
  void SetUp(std::shared_ptr<Link> link);
  bool IsUp() const;
  void WakeWaiters();

  asio::io_context& io_;
  ClientOptions options_;
  ClientObserver* const observer_;
  const std::unique_ptr<tls::TlsContext> context_;

  StartPlan plan_;
  Backoff backoff_;
  StopSource stop_;
  int running_ = 0;
  absl::Status gave_up_;
  absl::Status
      distrust_;  // Why the mgmt that answered is not trusted; OK after a trusted one answered.
  bool paused_ = false;
  bool started_ = false;

  std::shared_ptr<Connection> management_;  // Set while the start-up needs it.
  std::shared_ptr<Link> link_;              // Null while the client is not connected.
  absl::Duration up_since_;                 // Clock::Elapsed() when `link_` came up.
  bool moving_ = false;
  std::shared_ptr<Link> next_;  // The new server during a move, while the client is at both.
  asio::steady_timer at_both_;  // Cancelled when either connection ends.
  MoveFilter move_filter_;
  asio::steady_timer move_is_past_;
  asio::steady_timer changed_;  // Never expires; cancelled to wake all waiters.
  asio::steady_timer probes_timer_;
};

}  // namespace convergia::client
