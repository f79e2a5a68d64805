#include "common/base/ids.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia {
namespace {

struct RoleRow {
  Role role;
  absl::string_view word;
};
constexpr RoleRow kRoles[] = {
    {Role::kMgmt, "mgmt"}, {Role::kDatamgr, "datamgr"},   {Role::kDataserver, "dataserver"},
    {Role::kEdge, "edge"}, {Role::kOperator, "operator"},
};

bool IsNameStart(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }
bool IsNameByte(char c) { return IsNameStart(c) || c == '.' || c == '_' || c == '-'; }

absl::StatusOr<std::string> ParseName(absl::string_view what, absl::string_view text) {
  const std::string name = absl::AsciiStrToLower(text);
  if (name.empty() || name.size() > limits::kNameBytesMax || !IsNameStart(name.front()) ||
      !std::all_of(name.begin(), name.end(), IsNameByte)) {
    return Fail(FailCode::kBadField,
                absl::StrCat(what, " has 1 to ", limits::kNameBytesMax,
                             " characters: letters a-z, digits, and after the first also . _ -"));
  }
  return name;
}

}  // namespace

absl::string_view RoleWord(Role role) {
  for (const RoleRow& row : kRoles) {
    if (row.role == role) return row.word;
  }
  return "unknown";
}

std::optional<Role> RoleFromWord(absl::string_view word) {
  for (const RoleRow& row : kRoles) {
    if (row.word == word) return row.role;
  }
  return std::nullopt;
}

absl::StatusOr<Username> Username::Parse(absl::string_view text) {
  CVG_ASSIGN_OR_RETURN(std::string name, ParseName("a username", text));
  return Username(std::move(name));
}

absl::StatusOr<std::string> ParseNodeName(absl::string_view text) {
  return ParseName("a node's name", text);
}

}  // namespace convergia
