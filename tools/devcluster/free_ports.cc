#include "tools/devcluster/free_ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "absl/cleanup/cleanup.h"

namespace convergia::devcluster {
namespace {

// By default Linux uses 32768 and higher ports for outgoing connections (ip_local_port_range).
constexpr int kLowest = 11000;
constexpr int kHighest = 32000;

// A socket bound to 127.0.0.1:`port`, or -1 if the port is in use.
int Bind(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return descriptor;
  }
  close(descriptor);
  return -1;
}

}  // namespace

absl::StatusOr<std::vector<int>> FindFreePorts(int count) {
  std::vector<int> sockets;  // Stay open until all ports are found, so that none is found twice.
  const auto close_all = absl::MakeCleanup([&] {
    for (const int descriptor : sockets) close(descriptor);
  });
  std::random_device random;
  std::vector<int> ports;
  constexpr int kTriesEach = 100;
  for (int tries = 0; ports.size() < count; ++tries) {
    if (tries >= kTriesEach * count) {
      return absl::ResourceExhaustedError("too few free TCP ports on 127.0.0.1");
    }
    const int port = std::uniform_int_distribution<int>(kLowest, kHighest)(random);
    const int descriptor = Bind(port);
    if (descriptor < 0) continue;
    sockets.push_back(descriptor);
    ports.push_back(port);
  }
  return ports;
}

}  // namespace convergia::devcluster
