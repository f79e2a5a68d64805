#include "edge/commands/data_commands.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Session;

namespace {

// The memory of a request besides its fields, in bytes.
constexpr size_t kRequestBytes = 64;

}  // namespace

Caller CallerOf(const Session& session) {
  return {session.id(), session.signed_in()->user.str(), session.signed_in()->account};
}

size_t WeightOf(Fields fields, uint64_t length) {
  size_t bytes = kRequestBytes;
  for (const absl::string_view field : fields) bytes += field.size();
  return bytes + static_cast<size_t>(std::min<uint64_t>(length, limits::kChunkBytesMax));
}

std::string NoText(Nothing& /*result*/) { return ""; }
std::string NumberText(uint64_t& result) { return absl::StrCat(result); }
std::string BytesText(std::string& result) { return std::move(result); }

absl::StatusOr<uint64_t> ReadNumber(absl::string_view what, absl::string_view text) {
  uint64_t number = 0;
  const bool is_decimal = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (is_decimal && absl::SimpleAtoi(text, &number)) return number;
  return Fail(FailCode::kBadField, absl::StrCat(what, " is a whole number, 0 or more"));
}

absl::StatusOr<uint32_t> ReadLimit(absl::string_view text) {
  const absl::StatusOr<uint64_t> limit = ReadNumber("the limit", text);
  if (limit.ok() && *limit >= 1 && *limit <= limits::kStorageRowsMax) {
    return static_cast<uint32_t>(*limit);
  }
  return Fail(FailCode::kBadField,
              absl::StrCat("the limit is a whole number from 1 to ", limits::kStorageRowsMax));
}

}  // namespace convergia::edge
