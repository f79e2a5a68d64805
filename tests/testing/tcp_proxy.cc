#include "tests/testing/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace convergia::testing {
namespace {

constexpr size_t kBufferBytesMax = 256 * 1024;

sockaddr_in Loopback(const std::string& address) {
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int port = 0;
  if (absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) where.sin_port = htons(port);
  return where;
}

// Closes with RST: a pulled cable sends no FIN.
void Break(int fd) {
  const linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(fd);
}

// One direction of a connection.
struct Way {
  std::string bytes;
  bool ended = false;  // The sending side has closed.

  bool Take(int from) {
    if (ended || bytes.size() >= kBufferBytesMax) return true;
    char chunk[64 * 1024];
    const ssize_t count = recv(from, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (count > 0) bytes.append(chunk, count);
    if (count == 0) ended = true;
    return count >= 0 || errno == EAGAIN || errno == EWOULDBLOCK;
  }

  bool Give(int to) {
    if (!bytes.empty()) {
      const ssize_t count = send(to, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) bytes.erase(0, count);
      if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    }
    if (ended && bytes.empty()) shutdown(to, SHUT_WR);
    return true;
  }
};

}  // namespace

struct TcpProxy::Pair {
  const int client;
  const int server;
  Way there, back;

  Pair(int client, int server) : client(client), server(server) {}
  Pair(const Pair&) = delete;
  ~Pair() {
    Break(client);
    Break(server);
  }

  // False when the connection is over.
  bool Pass() {
    return there.Take(client) && back.Take(server) && there.Give(server) && back.Give(client) &&
           !(there.ended && back.ended && there.bytes.empty() && back.bytes.empty());
  }

  void AppendPolls(std::vector<pollfd>* polls) const {
    const auto events = [](const Way& out, const Way& in) {
      const bool reads = !out.ended && out.bytes.size() < kBufferBytesMax;
      return static_cast<int16_t>((reads ? POLLIN : 0) | (in.bytes.empty() ? 0 : POLLOUT));
    };
    polls->push_back({client, events(there, back), 0});
    polls->push_back({server, events(back, there), 0});
  }
};

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Create(const std::string& target) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in here = Loopback(":0");
  socklen_t here_bytes = sizeof(here);
  int wake[2];
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&here), here_bytes) != 0 ||
      listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&here), &here_bytes) != 0 ||
      pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::UnavailableError("no port to listen on");
  }
  return std::unique_ptr<TcpProxy>(new TcpProxy(
      listener, wake[0], wake[1], absl::StrCat("127.0.0.1:", ntohs(here.sin_port)), target));
}

TcpProxy::TcpProxy(int listener, int wake_read, int wake_write, std::string address,
                   std::string target)
    : listener_(listener),
      wake_read_(wake_read),
      wake_write_(wake_write),
      address_(std::move(address)),
      target_(std::move(target)),
      thread_([this] { PassLoop(); }) {}

TcpProxy::~TcpProxy() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  Wake();
  thread_.join();
  close(listener_);
  close(wake_read_);
  close(wake_write_);
}

void TcpProxy::Wake() {
  const char byte = 0;
  // If the pipe is full, the loop wakes anyway.
  if (write(wake_write_, &byte, 1) < 0 && errno != EAGAIN) perror("wake");
}

void TcpProxy::SetTarget(const std::string& target) {
  absl::MutexLock lock(&mu_);
  target_ = target;
}

void TcpProxy::SetMode(Mode mode) {
  int64_t wanted;
  {
    absl::MutexLock lock(&mu_);
    mode_ = mode;
    wanted = ++mode_wanted_;
  }
  Wake();
  absl::MutexLock lock(&mu_);
  const auto applied = [this, wanted]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return mode_applied_ >= wanted; };
  mu_.Await(absl::Condition(&applied));
}

int TcpProxy::accepted() const {
  absl::MutexLock lock(&mu_);
  return accepted_;
}

void TcpProxy::PassLoop() {
  std::vector<std::unique_ptr<Pair>> pairs;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (stopped_) return;
    }
    PassOnce(&pairs);
  }
}

void TcpProxy::PassOnce(std::vector<std::unique_ptr<Pair>>* pairs) {
  Mode mode;
  {
    absl::MutexLock lock(&mu_);
    mode = mode_;
    if (mode == Mode::kCut) pairs->clear();
    mode_applied_ = mode_wanted_;
  }
  if (mode == Mode::kPass) {
    pairs->erase(std::remove_if(pairs->begin(), pairs->end(),
                                [](const std::unique_ptr<Pair>& pair) { return !pair->Pass(); }),
                 pairs->end());
  }
  std::vector<pollfd> polls = {{wake_read_, POLLIN, 0}, {listener_, POLLIN, 0}};
  if (mode == Mode::kPass) {
    for (const std::unique_ptr<Pair>& pair : *pairs) pair->AppendPolls(&polls);
  }
  poll(polls.data(), polls.size(), /*timeout=*/-1);
  char drained[64];
  while (read(wake_read_, drained, sizeof(drained)) > 0) {
  }
  if (polls[1].revents != 0) Accept(pairs);
}

void TcpProxy::Accept(std::vector<std::unique_ptr<Pair>>* pairs) {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  sockaddr_in target;
  {
    absl::MutexLock lock(&mu_);
    ++accepted_;
    target = Loopback(target_);
    if (mode_ == Mode::kCut) return Break(client);
  }
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(server, reinterpret_cast<sockaddr*>(&target), sizeof(target)) != 0) {
    Break(client);
    Break(server);
    return;
  }
  fcntl(server, F_SETFL, fcntl(server, F_GETFL) | O_NONBLOCK);
  const int one = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  pairs->push_back(std::make_unique<Pair>(client, server));
}

}  // namespace convergia::testing
