#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia {

// Where a server listens or is reached: a name or an IP address, and a port. In text an IPv6
// address stands in brackets; here it does not.
struct HostPort {
  std::string host;
  uint16_t port = 0;  // 0, to listen on: any that is free.

  // Reads "host:port".
  //
  // Errors: kInvalidArgument, which quotes `text`.
  static absl::StatusOr<HostPort> Parse(absl::string_view text);

  // As Parse() reads it.
  std::string ToString() const;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

}  // namespace convergia
