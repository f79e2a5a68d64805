#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::rpc {

class Acceptor;

// A gRPC server with the furniture of every node: reflection, health, channelz, keep-alive, bounded
// messages, memory and connections. Serving from Create() until Stop(). Thread-safe.
class Server {
 public:
  struct Options {
    std::string listen;                    // "host:port"; port 0 picks a free one.
    ServerCredentials credentials;         // MakeServerCredentials().
    std::vector<grpc::Service*> services;  // Outlive the server.
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

 private:
  Server(std::unique_ptr<grpc::Server> server, std::unique_ptr<Acceptor> acceptor,
         std::string address);

  const std::unique_ptr<grpc::Server> server_;
  const std::unique_ptr<Acceptor> acceptor_;
  const std::string address_;
};

}  // namespace convergia::rpc
