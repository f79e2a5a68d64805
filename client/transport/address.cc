#include "client/transport/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

constexpr size_t kHostBytesMax = 255;  // The limit of DNS.

absl::Status BadAddress(absl::string_view text) {
  return Fail(FailCode::kBadField,
              absl::StrCat("\"", text.substr(0, kHostBytesMax),
                           "\" is no address; write host:port, as in chat.example.org:",
                           Address::kManagementPort, " or [::1]:", Address::kManagementPort));
}

bool IsHostByte(char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
}

}  // namespace

absl::StatusOr<Address> Address::Parse(absl::string_view text) {
  absl::string_view host = text;
  absl::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == absl::string_view::npos) return BadAddress(text);
    host = text.substr(1, bracket - 1);
    port = text.substr(bracket + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return BadAddress(text);
    if (has_port) port.remove_prefix(1);
  } else if (const size_t colon = text.rfind(':'); colon != absl::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
    if (host.find(':') != absl::string_view::npos) return BadAddress(text);  // IPv6 needs [ ].
  }
  Address address;
  if (host.empty() || host.size() > kHostBytesMax ||
      !std::all_of(host.begin(), host.end(), IsHostByte)) {
    return BadAddress(text);
  }
  address.host = std::string(host);
  uint32_t number = kManagementPort;
  if (has_port && (!absl::SimpleAtoi(port, &number) || number == 0 || number > 65535)) {
    return BadAddress(text);
  }
  address.port = static_cast<uint16_t>(number);
  return address;
}

std::string Address::ToString() const {
  const bool brackets = host.find(':') != std::string::npos;
  return brackets ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

}  // namespace convergia::client
