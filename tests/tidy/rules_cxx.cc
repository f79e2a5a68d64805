#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/cxx_scan.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

constexpr int kFunctionLinesMax = 70;
constexpr int kFileLinesMax = 600;

// The one place where a test may wait by the clock: on processes, which send no events.
constexpr absl::string_view kPollHelper = "tests/testing/eventually.cc";

struct BannedWord {
  absl::string_view word;
  absl::string_view instead;
};

void FindWords(const SourceFile& file, const std::vector<BannedWord>& banned,
               std::vector<Finding>* findings) {
  const std::string code = BlankCommentsAndLiterals(file.text);
  for (const BannedWord& ban : banned) {
    for (const int line : LinesWithWord(code, ban.word)) {
      findings->push_back({file.path, line, absl::StrCat(ban.word, ": ", ban.instead)});
    }
  }
}

}  // namespace

std::vector<Finding> CheckSizes(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path)) continue;
    for (const FunctionSpan& function : FindFunctions(file.text)) {
      const int lines = function.last_line - function.first_line + 1;
      if (lines > kFunctionLinesMax) {
        findings.push_back({file.path, function.first_line,
                            absl::StrCat("a function of ", lines, " lines: at most ",
                                         kFunctionLinesMax, ", and 12 is usual")});
      }
    }
    const int lines = std::count(file.text.begin(), file.text.end(), '\n');
    if (lines > kFileLinesMax && !absl::StrContains(FirstComment(file.text), "Long because")) {
      findings.push_back({file.path, 0,
                          absl::StrCat(lines, " lines: split it, or say \"Long because ...\" in ",
                                       "its first comment")});
    }
  }
  return findings;
}

std::vector<Finding> CheckSleeps(const SourceTree& tree) {
  static const std::vector<BannedWord> kEverywhere = {
      {"sleep_for", "std::this_thread's sleep cannot be woken; await an event"},
      {"sleep_until", "std::this_thread's sleep cannot be woken; await an event"},
      {"usleep", "await an event"},
      {"nanosleep", "await an event"},
  };
  static const std::vector<BannedWord> kTests = {
      {"SleepFor", "tests await events (Notification, Mutex::Await), or use FakeClock"},
      {"sleep(", "tests await events (Notification, Mutex::Await), or use FakeClock"},
  };
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path) || file.path == kPollHelper) continue;
    FindWords(file, kEverywhere, &findings);
    if (IsTestCode(file.path)) FindWords(file, kTests, &findings);
  }
  return findings;
}

std::vector<Finding> CheckClocks(const SourceTree& tree) {
  static constexpr absl::string_view kInstead = "take a Clock (common/base/clock.h)";
  static const std::vector<BannedWord> kClocks = {
      {"absl::Now(", kInstead},        {"GetCurrentTimeNanos", kInstead},
      {"system_clock::now", kInstead}, {"steady_clock::now", kInstead},
      {"clock_gettime", kInstead},     {"gettimeofday", kInstead},
      {"time(nullptr)", kInstead},     {"time(NULL)", kInstead},
  };
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    const bool may_read = file.path == "common/base/clock.cc" ||
                          absl::StartsWith(file.path, "bench/");  // Which measures CPU time.
    if (!IsCxx(file.path) || may_read) continue;
    FindWords(file, kClocks, &findings);
  }
  return findings;
}

std::vector<Finding> CheckSpelling(const SourceTree& tree) {
  static const std::vector<BannedWord> kSpellings = {
      {"std::string_view", "write absl::string_view: Debian's Abseil takes no other"},
      {"absl::optional", "write std::optional"},
      {"std::mutex", "write absl::Mutex, which the thread annotations know"},
  };
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path)) continue;
    FindWords(file, kSpellings, &findings);
    if (absl::EndsWith(file.path, ".h") && !absl::StartsWith(file.text, "#pragma once\n") &&
        LinesWithWord(BlankComments(file.text), "#pragma once").empty()) {
      findings.push_back({file.path, 0, "a header without #pragma once"});
    }
  }
  return findings;
}

}  // namespace convergia::tidy
