#include "common/node/program/reachable_address.h"

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <string>

#include "common/base/net/host_port.h"

namespace convergia::node {
std::string ReachableAddress(absl::string_view bound, absl::string_view mgmt_address) {
  const absl::StatusOr<HostPort> ours = HostPort::Parse(bound);
  const absl::StatusOr<HostPort> mgmt = HostPort::Parse(mgmt_address);
  if (!ours.ok() || !mgmt.ok()) return std::string(bound);
  if (ours->host != "0.0.0.0" && ours->host != "::") return std::string(bound);
  // Connecting a UDP socket sends nothing. The kernel only chooses the route, and so the address.
  asio::io_context context;
  asio::error_code error;
  asio::ip::udp::resolver resolver(context);
  const auto found = resolver.resolve(mgmt->host, std::to_string(mgmt->port), error);
  if (error || found.empty()) return std::string(bound);
  asio::ip::udp::socket socket(context);
  socket.connect(found.begin()->endpoint(), error);
  if (error) return std::string(bound);
  const asio::ip::address address = socket.local_endpoint(error).address();
  if (error) return std::string(bound);
  return HostPort{address.to_string(), ours->port}.ToString();
}

}  // namespace convergia::node
