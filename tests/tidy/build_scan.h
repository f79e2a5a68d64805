#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Reads build files as far as the rules need it: as text, by the form that the house writes.
namespace convergia::tidy {

// One cc_library, cc_binary or cc_test at the start of a line.
struct BuildRule {
  int line = 0;      // Counts from 1.
  std::string text;  // From its name to the closing parenthesis.
};

std::vector<BuildRule> FindBuildRules(absl::string_view build);

// One label in a list of that name: visibility or default_visibility.
struct VisibilityEntry {
  int line = 0;  // Counts from 1.
  std::string label;
};

std::vector<VisibilityEntry> FindVisibility(absl::string_view build);

}  // namespace convergia::tidy
