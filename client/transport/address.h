#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::client {

// Where a server listens: a name or an IP address, and a port.
struct Address {
  // mgmt's default port for clients.
  static constexpr uint16_t kManagementPort = 64475;

  std::string host;
  uint16_t port = kManagementPort;

  // Reads "host", "host:port", "[::1]" or "[::1]:port". The default port is
  // kManagementPort.
  //
  // Errors: FailCode::kBadField, with an example of a good address.
  static absl::StatusOr<Address> Parse(absl::string_view text);

  // In the form that Parse() reads, always with the port.
  std::string ToString() const;

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace convergia::client
