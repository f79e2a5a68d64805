#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/cxx_scan.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

struct Replacement {
  absl::string_view word;
  absl::string_view instead;
};

constexpr Replacement kUnclear[] = {
    {"anew", "\"again\", or the verb alone: \"restart\""},
    {"whoever", "\"any user who\", \"a client that\""},
    {"no more", "\"no longer\", \"no further\""},
    {"be it", "\"if\""},
};

// Only the comments of C++ or of a proto; line breaks stay.
std::string CommentsOf(absl::string_view text) {
  const std::string code = BlankComments(text);
  std::string comments(text);
  for (size_t i = 0; i < comments.size(); ++i) {
    if (comments[i] == code[i] && comments[i] != '\n') comments[i] = ' ';
  }
  return comments;
}

// Only the comments of a script or of a build file; line breaks stay. A '#' begins one at the
// beginning of a line or after a blank.
std::string HashCommentsOf(absl::string_view text) {
  std::string comments(text);
  bool in_comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      in_comment = false;
      continue;
    }
    in_comment = in_comment || (text[i] == '#' && (i == 0 || absl::ascii_isspace(text[i - 1])));
    if (!in_comment) comments[i] = ' ';
  }
  return comments;
}

// A script, a build file, or WORKSPACE.
bool HasHashComments(absl::string_view path) {
  return absl::EndsWith(path, ".bazel") || absl::EndsWith(path, ".bzl") ||
         absl::EndsWith(path, ".sh") || !absl::StrContains(BaseName(path), '.');
}

// A document without its blocks of code; line breaks stay.
std::string ProseOf(absl::string_view document) {
  std::vector<std::string> lines;
  bool in_code = false;
  for (const absl::string_view line : absl::StrSplit(document, '\n')) {
    const bool is_fence = absl::StartsWith(line, "```");
    if (is_fence) in_code = !in_code;
    lines.push_back(in_code || is_fence ? std::string() : std::string(line));
  }
  return absl::StrJoin(lines, "\n");
}

std::string SentencesOf(const SourceFile& file) {
  if (IsCxx(file.path) || absl::EndsWith(file.path, ".proto")) return CommentsOf(file.text);
  if (absl::EndsWith(file.path, ".md")) return ProseOf(file.text);
  if (HasHashComments(file.path)) return HashCommentsOf(file.text);
  return "";
}

// A name that was given up, with the word that took its place, and where it is banned: the rooms in
// which it stood; empty: everywhere.
struct OldName {
  absl::string_view type;
  absl::string_view file;
  absl::string_view instead;
  absl::string_view room = "";
};

constexpr OldName kOldNames[] = {
    {"AccountBook", "account_book", "AccountStore"},
    {"AccountsDesk", "accounts_desk", "AccountsExecutor"},
    {"AddressBook", "address_book", "ConnectionLimiter"},
    {"Bag", "bag", "Trash", "datamgr/"},
    {"Chores", "chores", "DeferredWork"},
    {"DataDesk", "data_desk", "RequestScheduler"},
    {"Departures", "departures", "SessionHandoff"},
    {"Drainer", "drainer", "DrainPacer"},
    {"Edit", "edit", "Transaction", "datamgr/"},
    {"FadingSum", "fading_sum", "DecayingSum"},
    {"Lane", "lane", "stream", "dataserver/"},
    {"Lane", "lane", "DataServerStream", "datamgr/"},
    {"MembersDesk", "members_desk", "MembersExecutor"},
    {"Mover", "mover", "MovePlanner"},
    {"PinBook", "pin_book", "PinDiff"},
    {"ReachBook", "reach_book", "Reachability"},
    {"RequestDesk", "request_desk", "ChunkRequestHandler"},
    {"Rows", "rows", "PipelinedStore", "datamgr/catalog/"},
    {"ServerLane", "server_lane", "DataServerStream"},
    {"Shelf", "shelf", "CatalogEnv"},
    {"SpaceKeeper", "space_keeper", "DiskBudget"},
    {"TalkSketch", "talk_sketch", "HeavyHitters"},
    {"TicketOffice", "ticket_office", "TicketIssuer"},
    {"VolumeKeeper", "volume_keeper", "VolumeReconciler"},
    {"Waybill", "waybill", "SegmentHeader"},
};

absl::string_view StemOf(absl::string_view path) {
  const absl::string_view name = BaseName(path);
  return name.substr(0, name.find('.'));
}

// Lines that declare a type of this name, by any of the keywords that do, and those of its tests.
std::set<int> LinesThatDeclare(absl::string_view code, absl::string_view type) {
  std::set<int> lines;
  for (const int line : LinesWithWord(code, absl::StrCat(type, "Test"))) lines.insert(line);
  for (const absl::string_view keyword : {"class", "struct", "enum", "using", "message"}) {
    for (const int line : LinesWithWord(code, absl::StrCat(keyword, " ", type))) lines.insert(line);
  }
  return lines;
}

// Folders and files, with all folders above each.
std::set<std::string> PathsOf(const SourceTree& tree) {
  std::set<std::string> paths;
  for (const SourceFile& file : tree) {
    for (absl::string_view path = file.path; !path.empty(); path = DirName(path)) {
      paths.insert(std::string(path));
    }
  }
  return paths;
}

// The paths from the root that a line of a document names in `...`.
std::vector<std::string> PathsNamedIn(absl::string_view line, const std::set<std::string>& known) {
  std::vector<std::string> named;
  const std::vector<absl::string_view> parts = absl::StrSplit(line, '`');
  for (size_t i = 1; i + 1 < parts.size(); i += 2) {
    std::string path(parts[i].substr(0, parts[i].find(' ')));
    const size_t slash = path.find('/');
    if (slash == std::string::npos || known.count(path.substr(0, slash)) == 0) continue;
    const auto is_plain = [](unsigned char c) {
      return std::isalnum(c) != 0 || absl::StrContains("/_.-", std::string(1, c));
    };
    if (!absl::c_all_of(path, is_plain)) continue;
    if (path.back() == '/') path.pop_back();
    named.push_back(path);
  }
  return named;
}

}  // namespace

std::vector<Finding> CheckSentences(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    std::string text = absl::AsciiStrToLower(SentencesOf(file));
    // "No more than five" is plain.
    for (size_t at = 0; (at = text.find("no more than", at)) != std::string::npos;) text[at] = '_';
    for (const Replacement& unclear : kUnclear) {
      for (const int line : LinesWithWord(text, unclear.word)) {
        findings.push_back(
            {file.path, line, absl::StrCat("\"", unclear.word, "\": say ", unclear.instead)});
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckOldNames(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path) && !absl::EndsWith(file.path, ".proto")) continue;
    const std::string code = BlankCommentsAndLiterals(file.text);
    const std::string stem(StemOf(file.path));
    for (const OldName& old : kOldNames) {
      if (!absl::StartsWith(file.path, old.room)) continue;
      if (stem == old.file || stem == absl::StrCat(old.file, "_test")) {
        findings.push_back({file.path, 0, absl::StrCat("an old name: say ", old.instead)});
      }
      for (const int line : LinesThatDeclare(code, old.type)) {
        findings.push_back({file.path, line, absl::StrCat(old.type, ": say ", old.instead)});
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckPaths(const SourceTree& tree) {
  const std::set<std::string> known = PathsOf(tree);
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!absl::EndsWith(file.path, ".md")) continue;
    int number = 0;
    const std::string prose = ProseOf(file.text);
    for (const absl::string_view line : absl::StrSplit(prose, '\n')) {
      ++number;
      for (const std::string& path : PathsNamedIn(line, known)) {
        if (known.count(path) > 0) continue;
        findings.push_back({file.path, number, absl::StrCat("there is no ", path)});
      }
    }
  }
  return findings;
}

}  // namespace convergia::tidy
