#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/tls/context.h"

namespace convergia::node {

// The line port of a mgmt, for tests. Greets, and serves only ENROL.
class FakeEnrolment {
 public:
  // Returns the data of the answer to `fields`. Called on the server's own thread.
  using Answer =
      std::function<absl::StatusOr<std::string>(const std::vector<absl::string_view>& fields)>;

  // Serves at once on `listen` ("127.0.0.1:port"; port 0 picks a free one). Aborts on an error.
  FakeEnrolment(const std::string& listen, const std::string& chain_pem, const std::string& key_pem,
                Answer answer);
  ~FakeEnrolment();

  const std::string& address() const { return address_; }

 private:
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(asio::ip::tcp::socket socket);

  const Answer answer_;
  const std::unique_ptr<tls::TlsContext> tls_;
  asio::io_context io_{1};
  asio::ip::tcp::acceptor acceptor_{io_};
  std::string address_;
  std::thread thread_;
};

}  // namespace convergia::node
