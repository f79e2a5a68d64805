#include "common/rpc/acceptor.h"

#include <errno.h>
#include <glog/logging.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"

namespace convergia::rpc {
namespace {

constexpr int kBacklog = 1024;
// The listener stays readable while no descriptor is free, so a retry at once would burn the CPU.
constexpr int kRetryMilliseconds = 100;
constexpr int kRefusedPerLook = 64;  // At the bound, one of so many looks for closed connections.

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

absl::StatusOr<Addresses> Resolve(const std::string& listen) {
  const absl::StatusOr<HostPort> where = HostPort::Parse(listen);
  if (!where.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("gRPC listens on host:port, not on \"", listen, "\""));
  }
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(where->host.c_str(), std::to_string(where->port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("gRPC cannot listen on ", listen, ": ", gai_strerror(error)));
  }
  return Addresses(found, freeaddrinfo);
}

// Closes `fd` unless the status is OK.
absl::Status Listen(int fd, const addrinfo& address) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, kBacklog) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failed = absl::UnavailableError(strerror(errno));
  close(fd);
  return failed;
}

int PortOf(int listener) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  PCHECK(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

// The host without its port, as a number. "" if it cannot be read.
std::string AddressOf(const sockaddr_storage& peer, socklen_t size) {
  char host[NI_MAXHOST];
  const int error = getnameinfo(reinterpret_cast<const sockaddr*>(&peer), size, host, sizeof(host),
                                nullptr, 0, NI_NUMERICHOST);
  return error == 0 ? host : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Create(const std::string& listen,
                                                           const DescriptorShares& shares) {
  CVG_ASSIGN_OR_RETURN(const Addresses addresses, Resolve(listen));
  const int fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "gRPC cannot listen");
  const absl::Status listening = Listen(fd, *addresses);
  if (!listening.ok()) {
    return absl::UnavailableError(
        absl::StrCat("gRPC cannot listen on ", listen, ": ", listening.message(),
                     "; is the port taken, the host not of this machine?"));
  }
  return std::unique_ptr<Acceptor>(new Acceptor(fd, PortOf(fd), shares));
}

Acceptor::Acceptor(int listener, int port, const DescriptorShares& shares)
    : listener_(listener), port_(port), shares_(shares), wake_(eventfd(0, EFD_CLOEXEC)) {
  PCHECK(wake_ >= 0);
}

Acceptor::~Acceptor() {
  Stop();
  close(wake_);
}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink) {
  sink_ = std::move(sink);
  thread_ = std::thread([this] { Loop(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) {
    if (sink_ == nullptr) close(listener_);
    return;
  }
  const uint64_t one = 1;
  PCHECK(write(wake_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  close(listener_);
}

void Acceptor::Loop() {
  pollfd waits[] = {{.fd = wake_, .events = POLLIN}, {.fd = listener_, .events = POLLIN}};
  while (true) {
    poll(waits, 2, -1);
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) AcceptAll();
  }
}

void Acceptor::AcceptAll() {
  while (true) {
    sockaddr_storage peer = {};
    socklen_t size = sizeof(peer);
    const int fd =
        accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      LOG_EVERY_N(WARNING, 100) << "gRPC cannot accept on port " << port_ << ": "
                                << strerror(errno);
      pollfd stop = {.fd = wake_, .events = POLLIN};
      poll(&stop, 1, kRetryMilliseconds);
      return;
    }
    if (!Admit(fd, AddressOf(peer, size))) {
      close(fd);
      continue;
    }
    const int on = 1;
    // Nagle's algorithm would delay a message until the last one is acknowledged.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = listener_;
    parameters.fd = fd;
    sink_->HandleNewConnection(&parameters);
  }
}

bool Acceptor::Admit(int fd, const std::string& address) {
  // A look at all connections costs milliseconds, so a flood must not cause one each time.
  if (count_ >= shares_.nodes_max && refused_++ % kRefusedPerLook == 0) ForgetAllClosed();
  std::vector<Connection>& own = connections_[address];
  const int own_max = std::max(1, shares_.nodes_max / 4);
  if (static_cast<int>(own.size()) >= own_max) ForgetClosed(&own);
  struct stat facts;
  if (fd >= shares_.nodes_end || count_ >= shares_.nodes_max ||
      static_cast<int>(own.size()) >= own_max || fstat(fd, &facts) != 0) {
    LOG_EVERY_N(WARNING, 1000) << "too many connections to gRPC on port " << port_ << "; one from "
                               << address << " was closed (one in 1000 is logged)";
    if (own.empty()) connections_.erase(address);
    return false;
  }
  own.push_back({fd, facts.st_ino});
  ++count_;
  return true;
}

void Acceptor::ForgetClosed(std::vector<Connection>* connections) {
  count_ -= static_cast<int>(std::erase_if(*connections, [](const Connection& connection) {
    struct stat facts;
    return fstat(connection.fd, &facts) != 0 || !S_ISSOCK(facts.st_mode) ||
           facts.st_ino != connection.inode;
  }));
}

void Acceptor::ForgetAllClosed() {
  for (auto& [address, connections] : connections_) ForgetClosed(&connections);
  std::erase_if(connections_, [](const auto& row) { return row.second.empty(); });
}

}  // namespace convergia::rpc
