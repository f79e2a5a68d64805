#include "client/disk/created_names.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::client {

absl::Status CreatedNames::Check(absl::string_view name) const {
  if (!names_.contains(name)) return absl::OkStatus();
  return Fail(FailCode::kBadField, absl::StrCat("will not overwrite just-created ", name));
}

std::string NameBehindLinks(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path name = std::filesystem::weakly_canonical(absolute, error);
  return error ? path.lexically_normal().string() : name.string();
}

}  // namespace convergia::client
