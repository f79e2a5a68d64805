#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace convergia::rpc {

// A gRPC server with the furniture of every node: reflection, health, channelz, keep-alive, bounded
// messages. Serving from Create() until Stop(). Thread-safe.
class Server {
 public:
  struct Options {
    std::string listen;                                    // "host:port"; port 0 picks a free one.
    std::shared_ptr<grpc::ServerCredentials> credentials;  // MakeServerCredentials().
    std::vector<grpc::Service*> services;                  // Outlive the server.
  };

  // Errors: kInvalidArgument for an address that is none; kUnavailable if it is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Options& options);

  ~Server();  // Stop(absl::ZeroDuration()).

  // "host:port" with the real port, the host as in Options::listen.
  const std::string& address() const { return address_; }

  // Health answers NOT_SERVING from now on; calls go on.
  void Drain();

  // Takes no more calls, gives those under way `grace` to end, then cancels them; returns when all
  // reactors are done. Idempotent.
  void Stop(absl::Duration grace);

  // For tests without TLS: callers have no certificate there.
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  Server(std::unique_ptr<grpc::Server> server, std::string address);

  const std::unique_ptr<grpc::Server> server_;
  const std::string address_;
};

}  // namespace convergia::rpc
