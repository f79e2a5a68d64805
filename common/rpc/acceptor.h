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

// Accepts connections in gRPC's place. gRPC's own listener stops for ever once the process has no
// free file descriptor, and it has no bounds. This one waits and tries again. It leaves descriptors
// for clients and files (descriptors.h). One address holds at most a quarter of the connections
// that nodes may have.
//
// Life: Create() -> Start() -> Stop(). Not thread-safe.
class Acceptor {
 public:
  // Listens at "host:port"; port 0 picks a free one. Connections wait in the kernel until Start().
  // `shares` bounds the connections.
  //
  // Errors: kInvalidArgument if `listen` is no host:port or the host does not resolve;
  // kUnavailable if the address is taken or not of this machine; else the code of errno.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Create(const std::string& listen,
                                                          const DescriptorShares& shares);
  ~Acceptor();  // Stop().

  int port() const { return port_; }

  // Hands connections to `sink` from now on, on a thread of its own. Once.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink);

  // Closes the listener. No connection is handed over after this. Idempotent after Start().
  void Stop();

 private:
  // gRPC closes a connection without a report. A connection is gone when its descriptor is closed
  // or has another inode.
  struct Connection {
    int fd = -1;
    ino_t inode = 0;
  };

  Acceptor(int listener, int port, const DescriptorShares& shares);
  void Loop();
  void AcceptAll();
  // Counts the connection. False if it exceeds a bound; the caller then closes it.
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
  int count_ = 0;                                               // Of all addresses.
  int refused_ = 0;                                             // While count_ was at its bound.
};

}  // namespace convergia::rpc
