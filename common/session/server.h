#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/session/connection.h"
#include "common/session/counters.h"
#include "common/session/limits/limits.h"
#include "common/session/listener.h"
#include "common/session/shard.h"
#include "common/tls/context.h"

namespace convergia::session {

struct ServerState;

// A server of dialects over TLS. It listens, spreads connections over shards, and enforces the
// limits of limits.h for all ports together.
//
//   CVG_ASSIGN_OR_RETURN(server, Server::Create({.tls = &tls}, std::move(options)));
//   server->Start();  ...  server->Drain(absl::Seconds(5));  server->Stop();
class Server {
 public:
  struct Deps {  // Both outlive the server.
    const tls::TlsContext* tls = nullptr;
    const Clock* clock = &RealClock::Get();
  };
  struct Options {
    std::vector<PortOptions> listen;
    int shards = 1;
    Limits limits;
    absl::Duration tick = absl::Milliseconds(100);  // The precision of time-outs, in real time.
  };

  // Binds and listens; no connection is accepted yet.
  //
  // Errors: kInvalidArgument for a bad address, kUnavailable if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Deps& deps, Options options);
  ~Server();  // Calls Stop().

  void Start();

  // Accepts no connection and reads no further. Each connection closes with a last word when its
  // dialect is done. Returns when all are closed, or after `timeout` (real time).
  void Drain(absl::Duration timeout);

  // Closes all remaining connections and waits for all threads. Idempotent. Connections that others
  // still hold stay valid and do nothing.
  void Stop();

  // "host:port" of each listener, in the order of Options::listen.
  std::vector<std::string> addresses() const;

  absl::Span<const std::shared_ptr<Shard>> shards() const { return shards_; }

  int64_t connections() const;  // Signed in or not.
  int64_t signed_in() const;
  CounterValues counters() const;
  int64_t memory_bytes() const;  // Bytes held for slow peers.

 private:
  Server(const Deps& deps, const Options& options);
  absl::Status Listen(std::vector<PortOptions> ports);
  void StopListening();

  std::vector<std::shared_ptr<Shard>> shards_;
  std::unique_ptr<ServerState> state_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  bool is_started_ = false;
  bool is_stopped_ = false;
};

}  // namespace convergia::session
