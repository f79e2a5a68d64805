#include "common/session/listener.h"

#include <glog/logging.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/descriptors.h"
#include "common/base/limits.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"
#include "common/session/connection.h"

namespace convergia::session {
namespace {

using asio::ip::tcp;

constexpr int kBacklog = 4096;
// If no file descriptor is left, accepting again at once would only burn the CPU.
constexpr std::chrono::milliseconds kAcceptRetryAfter(100);

// Unique within this process.
uint64_t NextConnectionId() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

// "host:port"; an IPv6 host stands in brackets.
absl::StatusOr<tcp::endpoint> ParseEndpoint(absl::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no address to listen on; write as 127.0.0.1:64473"));
  const absl::StatusOr<HostPort> where = HostPort::Parse(text);
  if (!where.ok()) return bad;
  asio::error_code error;
  const asio::ip::address address =
      asio::ip::make_address(where->host == "localhost" ? "127.0.0.1" : where->host, error);
  if (error) return bad;
  return tcp::endpoint(address, where->port);
}

std::string TextOf(const tcp::endpoint& endpoint) {
  return HostPort{endpoint.address().to_string(), endpoint.port()}.ToString();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Listener>> Listener::Create(
    PortOptions port, ServerState& server, std::vector<std::shared_ptr<Shard>> shards) {
  std::shared_ptr<Listener> listener(new Listener(std::move(port), server, std::move(shards)));
  CVG_RETURN_IF_ERROR(listener->Bind());
  return listener;
}

Listener::Listener(PortOptions port, ServerState& server,
                   std::vector<std::shared_ptr<Shard>> shards)
    : port_(std::move(port)),
      server_(server),
      shards_(std::move(shards)),
      acceptor_(home().io_context()),
      retry_timer_(home().io_context()) {}

absl::Status Listener::Bind() {
  CVG_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseEndpoint(port_.address));
  asio::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", port_.address, ": ", error.message()));
  }
  address_ = TextOf(acceptor_.local_endpoint(error));
  return absl::OkStatus();
}

void Listener::Start() { AcceptNext(); }

void Listener::Stop() {
  is_stopped_ = true;
  asio::error_code ignored;  // Nothing can be done about an error of close().
  acceptor_.close(ignored);
  retry_timer_.cancel();
}

void Listener::AcceptNext() {
  const std::shared_ptr<Shard>& shard = shards_[next_shard_];
  acceptor_.async_accept(shard->io_context(),
                         [self = shared_from_this()](asio::error_code error, tcp::socket socket) {
                           self->OnAccepted(error, std::move(socket));
                         });
}

void Listener::OnAccepted(asio::error_code error, tcp::socket socket) {
  if (is_stopped_) return;
  if (error) {
    home().counters().Add(Counter::kAcceptErrors);
    if (error != asio::error::connection_aborted) return AcceptLater(error);
  } else {
    Admit(std::move(socket), shards_[next_shard_]);
    next_shard_ = (next_shard_ + 1) % shards_.size();
  }
  AcceptNext();
}

void Listener::Admit(tcp::socket socket, const std::shared_ptr<Shard>& shard) {
  asio::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;                                        // The peer has already closed.
  if (socket.native_handle() >= OwnShares().clients_end) {  // The others are for nodes and files.
    home().counters().Add(Counter::kConnectionsRefused);
    return;
  }
  // Without acknowledgement by the peer, the kernel drops the connection after this time. So a dead
  // connection does not take answers for longer.
  const int unacknowledged_max =
      static_cast<int>(absl::ToInt64Milliseconds(limits::kUnacknowledgedMax));
  (void)setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_max,
                   sizeof(unacknowledged_max));
  const std::string address = peer.address().to_string();
  const ConnectionLimiter::Welcome welcome = server_.addresses.Arrive(address);
  home().counters().Add(Counter::kConnectionsAccepted);
  if (welcome != ConnectionLimiter::Welcome::kYes)
    home().counters().Add(Counter::kConnectionsRefused);
  if (welcome == ConnectionLimiter::Welcome::kClose) return;
  Connection::Origin origin = {
      .peer_address = address,
      .port = &port_,
      .is_unwelcome = welcome == ConnectionLimiter::Welcome::kTellAndClose};
  shard->Post(
      [&server = server_, shard, socket = std::move(socket), origin = std::move(origin)]() mutable {
        std::make_shared<Connection>(NextConnectionId(), server, shard, std::move(socket),
                                     std::move(origin))
            ->Start();
      });
}

void Listener::AcceptLater(const asio::error_code& error) {
  LOG_EVERY_N(WARNING, 100) << "cannot accept on " << address_ << ": " << error.message();
  retry_timer_.expires_after(kAcceptRetryAfter);
  retry_timer_.async_wait([self = shared_from_this()](asio::error_code) {
    if (!self->is_stopped_) self->AcceptNext();
  });
}

}  // namespace convergia::session
