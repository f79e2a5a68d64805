#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

// The checkout itself, not a copy of declared inputs: a file that no build file names must be seen
// too. WORKSPACE among the runfiles is a link to it.
std::string CheckoutRoot() {
  const std::string link = absl::StrCat(std::getenv("TEST_SRCDIR"), "/convergia/WORKSPACE");
  return std::filesystem::canonical(link).parent_path().string();
}

struct NamedRule {
  const char* name;
  std::vector<Finding> (*check)(const SourceTree&);
};

void PrintTo(const NamedRule& rule, std::ostream* out) { *out << rule.name; }

class TidyTest : public testing::TestWithParam<NamedRule> {};

TEST_P(TidyTest, HoldsInTheWholeTree) {
  ASSERT_OK_AND_ASSIGN(const SourceTree tree, ReadSourceTree(CheckoutRoot()));
  ASSERT_GT(tree.size(), 50) << "this is not the whole tree: " << CheckoutRoot();
  for (const Finding& finding : GetParam().check(tree)) {
    ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, TidyTest,
                         testing::ValuesIn<NamedRule>({{"Walls", CheckWalls},
                                                       {"Rooms", CheckRooms},
                                                       {"Directions", CheckDirections},
                                                       {"Visibility", CheckVisibility},
                                                       {"Sizes", CheckSizes},
                                                       {"Sleeps", CheckSleeps},
                                                       {"Clocks", CheckClocks},
                                                       {"Spelling", CheckSpelling},
                                                       {"Words", CheckWords},
                                                       {"Lines", CheckLines},
                                                       {"DeadFiles", CheckDeadFiles},
                                                       {"Warnings", CheckWarnings},
                                                       {"Titles", CheckTitles},
                                                       {"Sentences", CheckSentences},
                                                       {"OldNames", CheckOldNames},
                                                       {"Paths", CheckPaths},
                                                       {"Commands", CheckCommands}}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace convergia::tidy
