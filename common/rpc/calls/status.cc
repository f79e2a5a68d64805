#include "common/rpc/calls/status.h"

#include <string>

#include "absl/strings/string_view.h"
#include "common/base/fail.h"
#include "common/rpc/auth/peer.h"

namespace convergia::rpc {
namespace {

// Stands before the word of the code in the error details. It marks the details as ours.
constexpr absl::string_view kDetailsPrefix = "convergia.v1/fail-code:";

// A text travels in the HTTP/2 headers, which gRPC bounds at 8 KiB. An escaped byte takes three.
constexpr size_t kTextBytesMax = 2000;

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string text(status.message().substr(0, kTextBytesMax));
  const auto code = static_cast<grpc::StatusCode>(status.code());
  if (!HasFailCode(status)) {
    return grpc::Status(code, std::move(text));
  }
  std::string details(kDetailsPrefix);
  details.append(FailCodeWord(FailCodeOf(status)).data(), FailCodeWord(FailCodeOf(status)).size());
  return grpc::Status(code, std::move(text), std::move(details));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string& details = status.error_details();
  if (absl::string_view(details).substr(0, kDetailsPrefix.size()) == kDetailsPrefix) {
    const auto code = FailCodeFromWord(absl::string_view(details).substr(kDetailsPrefix.size()));
    if (code.has_value()) return Fail(*code, status.error_message());
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      WithPlainAddresses(status.error_message()));
}

}  // namespace convergia::rpc
