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
#include "common/lineserver/shard.h"
#include "common/session/counters.h"
#include "common/tls/context.h"

namespace convergia::lineserver {

class Listener;
struct ServerState;

// A server of the tilde protocol over TLS: listens, signs clients in, hands their requests to the
// command table and keeps every limit of session_limits.h.
//
//   CVG_ASSIGN_OR_RETURN(server, LineServer::Create(std::move(options)));
//   server->Start();  ...  server->Drain(absl::Seconds(5));  server->Stop();
class LineServer {
 public:
  struct ListenSpec {
    std::string address;                  // "host:port", "[::1]:port"; port 0 takes a free one.
    const CommandTable* table = nullptr;  // Must outlive the server.
    // A port for people who have no account yet gives them more time.
    absl::Duration sign_in_timeout = limits::kSignInTimeout;
  };

  struct Options {
    std::vector<ListenSpec> listen;
    const tls::TlsContext* tls = nullptr;  // These four must outlive the server.
    Authenticator* authenticator = nullptr;
    SessionObserver* observer = nullptr;  // May be null.
    const Clock* clock = &RealClock::Get();
    int shards = 1;
    SessionLimits limits;
    // Rows of the greeting, INFO: version, server, role; the limits are added.
    std::vector<std::pair<std::string, std::string>> greeting;
    absl::Duration tick = absl::Milliseconds(100);  // How exact time-outs are, in real time.
  };

  // Binds and listens; nobody is accepted yet.
  //
  // Errors: kInvalidArgument for a bad address, kUnavailable if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<LineServer>> Create(Options options);
  ~LineServer();  // Stop().

  void Start();

  // Accepts nobody and takes no new requests; each session is told BYE and closed once its requests
  // are answered. Returns when all are gone or after `timeout` (real time).
  void Drain(absl::Duration timeout);

  // Closes what is left and waits for all threads. Idempotent. Sessions and responders that others
  // still hold stay valid and do nothing.
  void Stop();

  // "host:port" of each listener, in the order of Options::listen.
  std::vector<std::string> addresses() const;

  absl::Span<const std::shared_ptr<Shard>> shards() const { return shards_; }

  int64_t connections() const;  // Signed in or not.
  int64_t signed_in() const;
  CounterValues counters() const;
  int64_t memory_bytes() const;  // Held for clients that are slow.

 private:
  explicit LineServer(const Options& options);
  absl::Status Listen(const std::vector<ListenSpec>& specs);
  void StopListening();

  std::vector<std::shared_ptr<Shard>> shards_;
  std::unique_ptr<ServerState> state_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  bool is_started_ = false;
  bool is_stopped_ = false;
};

}  // namespace convergia::lineserver
