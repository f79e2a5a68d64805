#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/transport/address.h"

// The first contact with a cluster, when the client does not know its CA yet.
namespace convergia::client {

// Fetches the certificates that the server at `address` shows, leaf first, without verifying them.
//
// Errors: FailCode::kUnavailable.
absl::StatusOr<std::string> FetchChain(const Address& address, absl::Duration timeout);

// Returns the last certificate of `chain_pem`. Checks before that it vouches for the first one, and
// that the first one is of a management server.
//
// Errors: FailCode::kDenied, with the reason.
absl::StatusOr<std::string> CaOfChain(absl::string_view chain_pem, absl::Time now);

// Parses a fingerprint in any usual form (any case, with or without colons). Returns 64 lower-case
// hexadecimal digits.
//
// Errors: FailCode::kBadField.
absl::StatusOr<std::string> ParseFingerprint(absl::string_view text);

}  // namespace convergia::client
