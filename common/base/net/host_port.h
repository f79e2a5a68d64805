#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia {

// An address at which a server listens or is reached: a name or an IP address, and a port. In text
// an IPv6 address is in brackets; in `host` it is not.
struct HostPort {
  std::string host;
  uint16_t port = 0;  // 0 in an address to listen on: any free port.

  // Reads "host:port".
  //
  // Errors: kInvalidArgument, which quotes `text`.
  static absl::StatusOr<HostPort> Parse(absl::string_view text);

  // The inverse of Parse().
  std::string ToString() const;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

}  // namespace convergia
