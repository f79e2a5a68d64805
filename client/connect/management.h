#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connect/start_plan.h"
#include "client/transport/connection.h"

// The requests of the start-up as typed functions. Each sends one request and parses its answer.
// Errors: those of Connection::Request(); FailCode::kBadPacket for an answer that cannot be parsed.
namespace convergia::client {

struct SignedIn {
  std::string ticket;
  absl::Time expires;
  std::string session;
};

// LOGIN, at mgmt or at an edge. `secret` is a password or a ticket.
asio::awaitable<absl::StatusOr<SignedIn>> SignIn(Connection& connection, std::string user,
                                                 std::string secret);

asio::awaitable<absl::StatusOr<std::vector<MainServer>>> ListMainServers(Connection& management);

asio::awaitable<absl::StatusOr<std::vector<MainServer>>> ReportMainServers(
    Connection& management, const std::vector<Measure>& measures);

// Whether mgmt confirms the key. Errors: mgmt could not be asked.
asio::awaitable<absl::StatusOr<bool>> CheckKey(Connection& management, std::string name,
                                               std::string pin);

}  // namespace convergia::client
