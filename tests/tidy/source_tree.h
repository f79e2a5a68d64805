#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::tidy {

// One text file of the checkout.
struct SourceFile {
  std::string path;  // From the root, with '/': "common/base/clock.h".
  std::string text;
};

using SourceTree = std::vector<SourceFile>;

// A breach of a rule. `line` counts from 1; 0 speaks of the whole file.
struct Finding {
  std::string path;
  int line = 0;
  std::string text;  // The fault, and what to do instead.

  friend bool operator==(const Finding&, const Finding&) = default;
};

// All sources, build files, scripts and documents below `root`, sorted by path; not what Bazel
// makes nor what hides behind a dot.
//
// Errors: kNotFound if `root` cannot be read.
absl::StatusOr<SourceTree> ReadSourceTree(const std::string& root);

// "common/base/clock.h" -> "clock.h"; "common/base".
absl::string_view BaseName(absl::string_view path);
absl::string_view DirName(absl::string_view path);

bool IsCxx(absl::string_view path);  // .h or .cc

// Tests and what they share: anything below tests/ or testing/, and files whose name says test,
// fake, suite or fixture.
bool IsTestCode(absl::string_view path);

}  // namespace convergia::tidy
