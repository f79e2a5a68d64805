#include "common/node/reachable_address.h"

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <optional>

#include "absl/strings/str_cat.h"

namespace convergia::node {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> SplitAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  return HostPort{std::string(address.substr(0, colon)), std::string(address.substr(colon + 1))};
}

}  // namespace

std::string ReachableAddress(absl::string_view bound, absl::string_view mgmt_address) {
  const std::optional<HostPort> ours = SplitAddress(bound);
  const std::optional<HostPort> mgmt = SplitAddress(mgmt_address);
  if (!ours.has_value() || !mgmt.has_value()) return std::string(bound);
  if (ours->host != "0.0.0.0" && ours->host != "[::]") return std::string(bound);
  // Connecting a UDP socket sends nothing; it only asks the kernel which way it would go.
  asio::io_context context;
  asio::error_code error;
  asio::ip::udp::resolver resolver(context);
  const auto found = resolver.resolve(mgmt->host, mgmt->port, error);
  if (error || found.empty()) return std::string(bound);
  asio::ip::udp::socket socket(context);
  socket.connect(found.begin()->endpoint(), error);
  if (error) return std::string(bound);
  const asio::ip::address address = socket.local_endpoint(error).address();
  if (error) return std::string(bound);
  const std::string host = address.to_string();
  return address.is_v6() ? absl::StrCat("[", host, "]:", ours->port)
                         : absl::StrCat(host, ":", ours->port);
}

}  // namespace convergia::node
