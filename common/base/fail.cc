#include "common/base/fail.h"

#include <glog/logging.h>

#include "absl/strings/cord.h"

namespace convergia {
namespace {

constexpr absl::string_view kPayloadUrl = "convergia.v1/fail-code";

struct Row {
  FailCode code;
  absl::string_view word;
  absl::StatusCode canonical;
};

// In the order of the enum; Word() counts on it.
constexpr Row kRows[] = {
    {FailCode::kBadPacket, "BADPACKET", absl::StatusCode::kInvalidArgument},
    {FailCode::kBadField, "BADFIELD", absl::StatusCode::kInvalidArgument},
    {FailCode::kUnknownCommand, "UNKNOWNCOMMAND", absl::StatusCode::kUnimplemented},
    {FailCode::kTooLong, "TOOLONG", absl::StatusCode::kOutOfRange},
    {FailCode::kNotSignedIn, "NOTSIGNEDIN", absl::StatusCode::kUnauthenticated},
    {FailCode::kSignInFailed, "SIGNINFAILED", absl::StatusCode::kUnauthenticated},
    {FailCode::kDenied, "DENIED", absl::StatusCode::kPermissionDenied},
    {FailCode::kNotFound, "NOTFOUND", absl::StatusCode::kNotFound},
    {FailCode::kExists, "EXISTS", absl::StatusCode::kAlreadyExists},
    {FailCode::kNotEmpty, "NOTEMPTY", absl::StatusCode::kFailedPrecondition},
    {FailCode::kNotAFolder, "NOTAFOLDER", absl::StatusCode::kFailedPrecondition},
    {FailCode::kNotAFile, "NOTAFILE", absl::StatusCode::kFailedPrecondition},
    {FailCode::kNoSuchUser, "NOSUCHUSER", absl::StatusCode::kNotFound},
    {FailCode::kOffline, "OFFLINE", absl::StatusCode::kUnavailable},
    {FailCode::kUnroutable, "UNROUTABLE", absl::StatusCode::kUnavailable},
    {FailCode::kUnconfirmed, "UNCONFIRMED", absl::StatusCode::kUnknown},
    {FailCode::kBusy, "BUSY", absl::StatusCode::kResourceExhausted},
    {FailCode::kRate, "RATE", absl::StatusCode::kResourceExhausted},
    {FailCode::kQuota, "QUOTA", absl::StatusCode::kResourceExhausted},
    {FailCode::kNoSpace, "NOSPACE", absl::StatusCode::kResourceExhausted},
    {FailCode::kUnavailable, "UNAVAILABLE", absl::StatusCode::kUnavailable},
    {FailCode::kStorageDown, "STORAGEDOWN", absl::StatusCode::kUnavailable},
    {FailCode::kManagementDown, "MANAGEMENTDOWN", absl::StatusCode::kUnavailable},
    {FailCode::kExpired, "EXPIRED", absl::StatusCode::kDeadlineExceeded},
    {FailCode::kWrongCaptcha, "WRONGCAPTCHA", absl::StatusCode::kInvalidArgument},
    {FailCode::kInternal, "INTERNAL", absl::StatusCode::kInternal},
};

const Row& RowOf(FailCode code) {
  const Row& row = kRows[static_cast<size_t>(code)];
  CHECK(row.code == code) << "kRows is out of order at " << row.word;
  return row;
}

FailCode NearestCode(absl::StatusCode canonical) {
  switch (canonical) {
    case absl::StatusCode::kInvalidArgument:
      return FailCode::kBadField;
    case absl::StatusCode::kOutOfRange:
      return FailCode::kTooLong;
    case absl::StatusCode::kUnauthenticated:
      return FailCode::kNotSignedIn;
    case absl::StatusCode::kPermissionDenied:
      return FailCode::kDenied;
    case absl::StatusCode::kNotFound:
      return FailCode::kNotFound;
    case absl::StatusCode::kAlreadyExists:
      return FailCode::kExists;
    case absl::StatusCode::kResourceExhausted:
      return FailCode::kBusy;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return FailCode::kUnavailable;
    default:
      return FailCode::kInternal;
  }
}

}  // namespace

absl::string_view FailCodeWord(FailCode code) { return RowOf(code).word; }

std::optional<FailCode> FailCodeFromWord(absl::string_view word) {
  for (const Row& row : kRows) {
    if (row.word == word) return row.code;
  }
  return std::nullopt;
}

absl::Status Fail(FailCode code, absl::string_view text) {
  const Row& row = RowOf(code);
  absl::Status status(row.canonical, text);
  status.SetPayload(kPayloadUrl, absl::Cord(row.word));
  return status;
}

bool HasFailCode(const absl::Status& status) { return status.GetPayload(kPayloadUrl).has_value(); }

FailCode FailCodeOf(const absl::Status& status) {
  CHECK(!status.ok());
  if (const auto payload = status.GetPayload(kPayloadUrl)) {
    if (const auto code = FailCodeFromWord(std::string(*payload))) return *code;
  }
  return NearestCode(status.code());
}

}  // namespace convergia
