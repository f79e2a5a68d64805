#pragma once

#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/descriptors.h"

namespace convergia::rpc {

// Accepts connections in gRPC's place. gRPC's own listener stops for ever when there is no file
// descriptor left once, and bounds nothing; this one waits, leaves descriptors to others
// (descriptors.h), and gives no address more than a quarter of what there is for nodes.
//
// Life: Create() -> Start() -> Stop(). Not thread-safe.
class Acceptor {
 public:
  // Listens at "host:port"; port 0 picks a free one. Connections wait until Start().
  //
  // Errors: kInvalidArgument for an address that is none; kUnavailable if it is taken.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Create(const std::string& listen,
                                                          const DescriptorShares& shares);
  ~Acceptor();  // Stop().

  int port() const { return port_; }

  // Hands connections to `sink` from now on, on a thread of its own.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink);

  // No connection is handed over after this. Idempotent.
  void Stop();

 private:
  // A connection that gRPC closes without telling: it is gone when its number is another's.
  struct Connection {
    int fd = -1;
    ino_t inode = 0;
  };

  Acceptor(int listener, int port, const DescriptorShares& shares);
  void Loop();
  void AcceptAll();
  // False: the connection is not to be taken.
  bool Admit(int fd, const std::string& address);
  void ForgetClosed(std::vector<Connection>* connections);
  void ForgetAllClosed();

  const int listener_;
  const int port_;
  const DescriptorShares shares_;
  const int wake_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink_;
  std::thread thread_;

  // On the thread only.
  std::map<std::string, std::vector<Connection>> connections_;  // By address.
  int count_ = 0;                                               // Of them all.
  int refused_ = 0;                                             // While that was too many.
};

}  // namespace convergia::rpc
