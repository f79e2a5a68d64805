#include "tests/tidy/build_scan.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace convergia::tidy {

std::vector<BuildRule> FindBuildRules(absl::string_view build) {
  const std::vector<absl::string_view> lines = absl::StrSplit(build, '\n');
  std::vector<BuildRule> rules;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!absl::StartsWith(lines[i], "cc_")) continue;
    BuildRule& rule = rules.emplace_back();
    rule.line = static_cast<int>(i) + 1;
    for (size_t j = i; j < lines.size(); ++j) {
      absl::StrAppend(&rule.text, lines[j], "\n");
      if (lines[j] == ")") break;
    }
  }
  return rules;
}

std::vector<VisibilityEntry> FindVisibility(absl::string_view build) {
  std::vector<VisibilityEntry> entries;
  bool in_list = false;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(build, '\n')) {
    ++number;
    if (const size_t start = line.find("visibility = ["); start != absl::string_view::npos) {
      in_list = true;
      line.remove_prefix(start);
    }
    if (!in_list) continue;
    in_list = !absl::StrContains(line, "]");
    const std::vector<absl::string_view> parts = absl::StrSplit(line, '"');
    for (size_t i = 1; i < parts.size(); i += 2) {
      entries.push_back({number, std::string(parts[i])});
    }
  }
  return entries;
}

}  // namespace convergia::tidy
