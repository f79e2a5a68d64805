#pragma once

#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <vector>

namespace convergia::tls {

// An address at 127.0.0.2 that takes a connection's first packet and never answers, as one behind a
// firewall: it listens with a full queue, so the kernel answers no further connection. For tests.
class SilentAddress {
 public:
  explicit SilentAddress(asio::io_context& io) : acceptor_(io) {
    acceptor_.open(asio::ip::tcp::v4());
    acceptor_.bind({asio::ip::make_address("127.0.0.2"), 0});
    acceptor_.listen(0);
    for (int i = 0; i < 4; ++i) {
      waiting_.emplace_back(io, asio::ip::tcp::v4()).native_non_blocking(true);
      // asio's connect() would wait.
      const asio::ip::tcp::endpoint target = endpoint();
      (void)connect(waiting_.back().native_handle(), target.data(), target.size());
    }
  }
  asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  asio::ip::tcp::acceptor acceptor_;
  std::vector<asio::ip::tcp::socket> waiting_;
};

}  // namespace convergia::tls
