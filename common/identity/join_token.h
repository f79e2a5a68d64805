#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace convergia::identity {

// The token that an operator carries from mgmt to a new node: a secret that mgmt accepts for one
// enrolment in one role, the addresses of mgmt's line ports, and the fingerprint by which the node
// knows its CA.
struct JoinToken {
  std::string secret;  // Any bytes, 1 to 64.
  Role role = Role::kEdge;
  std::string ca_fingerprint;          // 64 lower-case hexadecimal digits (CertificateAuthority).
  std::vector<std::string> addresses;  // "host:port" of line ports of mgmt, in order: 1 to 8.
};

inline constexpr size_t kJoinTokenAddressesMax = 8;
inline constexpr size_t kJoinTokenBytesMax = 2048;  // Of the text; ENROL's packet has room for it.

// "cvj2." and base64url: one word, fit for a file or a command line.
std::string EncodeJoinToken(const JoinToken& token);

// White space around `text` is ignored.
//
// Errors: FailCode::kBadField, saying where to get a token.
absl::StatusOr<JoinToken> DecodeJoinToken(absl::string_view text);

}  // namespace convergia::identity
