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

// A gRPC server with the services of every node (reflection, health, channelz), keep-alive, and
// bounds on messages, memory and connections (limits.h). It serves from Create() until Stop().
// Thread-safe, but only one thread may be in Stop().
class Server {
 public:
  struct Options {
    std::string listen;                    // "host:port"; port 0 picks a free one.
    ServerCredentials credentials;         // MakeServerCredentials().
    std::vector<grpc::Service*> services;  // Outlive the server.
  };

  // Errors: those of Acceptor::Create() for `listen`; kInternal if gRPC does not start.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Options& options);

  ~Server();  // Stop(absl::ZeroDuration()).

  // "host:port" with the real port, the host as in Options::listen.
  const std::string& address() const { return address_; }

  // Makes the health service answer NOT_SERVING. Calls go on.
  void Drain();

  // Takes no further calls and gives the calls under way `grace` to end, then cancels them. Returns
  // when all reactors are done. Idempotent.
  void Stop(absl::Duration grace);

 private:
  Server(std::unique_ptr<grpc::Server> server, std::unique_ptr<Acceptor> acceptor,
         std::string address);

  const std::unique_ptr<grpc::Server> server_;
  const std::unique_ptr<Acceptor> acceptor_;
  const std::string address_;
};

}  // namespace convergia::rpc
