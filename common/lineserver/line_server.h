#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/session.h"
#include "common/lineserver/session_limits.h"
#include "common/lineserver/session_types.h"
#include "common/session/server.h"
#include "common/tls/context.h"

namespace convergia::lineserver {

struct ServerState;

// A server of the line protocol over TLS. It listens, signs clients in, hands their requests to the
// command table, and enforces every limit of session_limits.h.
//
//   CVG_ASSIGN_OR_RETURN(server, LineServer::Create(deps, std::move(options)));
//   server->Start();  ...  server->Drain(absl::Seconds(5));  server->Stop();
class LineServer {
 public:
  struct ListenSpec {
    std::string address;                  // "host:port", "[::1]:port"; port 0 takes a free one.
    const CommandTable* table = nullptr;  // Must outlive the server.
    // How long a client may take to sign in. A port for people without an account gives more.
    absl::Duration sign_in_timeout = limits::kSignInTimeout;
  };

  struct Deps {  // All must outlive the server.
    const tls::TlsContext* tls = nullptr;
    Authenticator* authenticator = nullptr;
    SessionObserver* observer = nullptr;  // May be null.
    const Clock* clock = &RealClock::Get();
  };
  struct Options {
    std::vector<ListenSpec> listen;
    int shards = 1;
    SessionLimits limits;
    // Rows of the INFO greeting: version, server, role. The server adds the limits.
    std::vector<std::pair<std::string, std::string>> greeting;
    absl::Duration tick = absl::Milliseconds(100);  // The precision of time-outs, in real time.
  };

  // Binds and listens; no client is accepted yet.
  //
  // Errors: kInvalidArgument for a bad address, kUnavailable if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<LineServer>> Create(const Deps& deps, Options options);
  ~LineServer();  // Calls Stop().

  void Start() { server_->Start(); }

  // Accepts no client and takes no further requests. Each session gets BYE and closes when its
  // requests are answered. Returns when all are closed, or after `timeout` (real time).
  void Drain(absl::Duration timeout) { server_->Drain(timeout); }

  // Closes all remaining sessions and waits for all threads. Idempotent. Sessions and responders
  // that others still hold stay valid and do nothing.
  void Stop() { server_->Stop(); }

  // "host:port" of each listener, in the order of Options::listen.
  std::vector<std::string> addresses() const { return server_->addresses(); }

  absl::Span<const std::shared_ptr<Shard>> shards() const { return server_->shards(); }

  int64_t connections() const { return server_->connections(); }  // Signed in or not.
  int64_t signed_in() const { return server_->signed_in(); }
  session::CounterValues counters() const { return server_->counters(); }
  int64_t memory_bytes() const { return server_->memory_bytes(); }  // Held for slow clients.

 private:
  explicit LineServer(std::unique_ptr<ServerState> state);

  const std::unique_ptr<const ServerState> state_;
  std::unique_ptr<session::Server> server_;
};

}  // namespace convergia::lineserver
