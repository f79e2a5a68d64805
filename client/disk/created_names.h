#pragma once

#include <filesystem>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace convergia::client {

// The names of the files that one command with several sources has made. Two sources may have files
// of the same name; the later must not overwrite the earlier. Not thread-safe.
class CreatedNames {
 public:
  // Errors: FailCode::kBadField if this command has made the file `name`, as with cp.
  absl::Status Check(absl::string_view name) const;
  void Add(absl::string_view name) { names_.emplace(name); }

 private:
  absl::flat_hash_set<std::string> names_;
};

// The name of a local file after all links, as far as its folders exist: two names of one file are
// the same.
std::string NameBehindLinks(const std::filesystem::path& path);

}  // namespace convergia::client
