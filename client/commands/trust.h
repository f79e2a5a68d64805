#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/address.h"

// The first contact with a cluster: from whom does the client take that mgmt is mgmt?
namespace convergia::client {

// The certificates that the server at `address` presents, leaf first, believed by nobody yet.
//
// Errors: FailCode::kUnavailable.
absl::StatusOr<std::string> FetchChain(const Address& address, absl::Duration timeout);

// The last certificate of `chain_pem`, after checking that it vouches for the first, and that this
// is a management server's.
//
// Errors: FailCode::kDenied, saying what is wrong.
absl::StatusOr<std::string> CaOfChain(absl::string_view chain_pem, absl::Time now);

// A fingerprint as people and tools write it (any case, with or without colons), as 64 lower-case
// hexadecimal digits.
//
// Errors: FailCode::kBadField.
absl::StatusOr<std::string> ParseFingerprint(absl::string_view text);

}  // namespace convergia::client
