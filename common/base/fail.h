#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace convergia {

// The codes of `FAIL CODE text` (docs/PROTOCOL.md). A status that Fail() made carries its code
// through every layer and over gRPC, so the node that decides also chooses what the user reads.
enum class FailCode {
  kBadPacket,
  kBadField,
  kUnknownCommand,
  kTooLong,
  kNotSignedIn,
  kSignInFailed,
  kDenied,
  kNotFound,
  kExists,
  kNotEmpty,
  kNotAFolder,
  kNotAFile,
  kNoSuchUser,
  kOffline,
  kUnroutable,
  kUnconfirmed,
  kBusy,
  kRate,
  kQuota,
  kNoSpace,
  kUnavailable,
  kStorageDown,
  kManagementDown,
  kExpired,
  kWrongCaptcha,
  kInternal,
};

// The word on the wire, as in "NOSUCHUSER".
absl::string_view FailCodeWord(FailCode code);

// The code that FailCodeWord() names; nullopt for any other word.
std::optional<FailCode> FailCodeFromWord(absl::string_view word);

// A status with `code` and `text` for people, which says what to do next. Its canonical code is the
// nearest of Abseil's.
absl::Status Fail(FailCode code, absl::string_view text);

// Whether Fail() made `status`, here or on another node.
bool HasFailCode(const absl::Status& status);

// The code that Fail() gave `status`, else the nearest to its canonical code. `status` is not OK.
FailCode FailCodeOf(const absl::Status& status);

}  // namespace convergia
