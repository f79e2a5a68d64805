#pragma once

#include <filesystem>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace convergia::client {

// The names of the files that one command with several sources has made. Two sources may have files
// of the same name. The later file must not overwrite the earlier one. Not thread-safe.
class CreatedNames {
 public:
  // OK if this command has not made the file `name`. Callers give Check() and Add() the same form
  // of the name; for local files that is NameBehindLinks().
  //
  // Errors: FailCode::kBadField, with the text of cp.
  absl::Status Check(absl::string_view name) const;
  void Add(absl::string_view name) { names_.emplace(name); }

 private:
  absl::flat_hash_set<std::string> names_;
};

// The absolute name of a local file, with all symbolic links on its way followed as far as it
// exists. So different names that lead to one file give the same result. If a link cannot be
// followed, the result is `path` with only "." and ".." taken out.
std::string NameBehindLinks(const std::filesystem::path& path);

}  // namespace convergia::client
