#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/build_scan.h"
#include "tests/tidy/cxx_scan.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

constexpr size_t kColumnsMax = 100;

// This room names what it bans.
bool NamesTheBanned(absl::string_view path) { return absl::StartsWith(path, "tests/tidy/"); }

// Columns are characters: bytes that continue a UTF-8 character take none.
size_t Columns(absl::string_view line) {
  size_t columns = 0;
  for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return columns;
}

const SourceFile* FindFile(const SourceTree& tree, absl::string_view path) {
  for (const SourceFile& file : tree) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

bool IsBuildFile(absl::string_view path) { return BaseName(path) == "BUILD.bazel"; }

// The build file of the package that `path` is in.
const SourceFile* PackageOf(const SourceTree& tree, absl::string_view path) {
  for (absl::string_view dir = DirName(path); !dir.empty(); dir = DirName(dir)) {
    if (const SourceFile* build = FindFile(tree, absl::StrCat(dir, "/BUILD.bazel"))) return build;
  }
  return FindFile(tree, "BUILD.bazel");
}

bool BuildNames(const SourceFile& build, absl::string_view path) {
  const size_t skip = DirName(build.path).empty() ? 0 : DirName(build.path).size() + 1;
  const absl::string_view relative = path.substr(skip);
  const absl::string_view extension = path.substr(path.rfind('.'));
  const absl::string_view dir = DirName(relative);
  const std::string glob =
      dir.empty() ? absl::StrCat("*", extension) : absl::StrCat(dir, "/*", extension);
  // In a macro or a comprehension a name may stand without its ending: name + ".cc", name +
  // "_fuzz.cc".
  const std::string stem(relative.substr(0, relative.size() - extension.size()));
  const std::string short_stem = stem.substr(0, stem.rfind('_'));
  for (const std::string& name :
       {std::string(relative), glob, absl::StrCat("**/*", extension), stem, short_stem}) {
    if (absl::StrContains(build.text, absl::StrCat("\"", name, "\""))) return true;
  }
  return false;
}

// By the build file of its package, or by a macro beside that.
bool PackageNames(const SourceTree& tree, absl::string_view path) {
  const SourceFile* build = PackageOf(tree, path);
  if (build == nullptr) return false;
  if (BuildNames(*build, path)) return true;
  for (const SourceFile& file : tree) {
    if (absl::EndsWith(file.path, ".bzl") && DirName(file.path) == DirName(build->path) &&
        BuildNames(file, path)) {
      return true;
    }
  }
  return false;
}

struct Word {
  std::string text;
  std::string path;
  int line;
};

// Rows of command tables: {"SENDMESSAGE", ... or {.word = "SENDMESSAGE", ... at the start of a
// line.
std::vector<Word> TableWords(const SourceTree& tree) {
  std::vector<Word> words;
  for (const SourceFile& file : tree) {
    const bool has_table = absl::StrContains(BaseName(file.path), "command") ||
                           absl::StartsWith(file.path, "common/lineserver/");
    if (!IsCxx(file.path) || IsTestCode(file.path) || !has_table) continue;
    int number = 0;
    for (absl::string_view line : absl::StrSplit(file.text, '\n')) {
      ++number;
      line = absl::StripAsciiWhitespace(line);
      if (!absl::ConsumePrefix(&line, "{\"") && !absl::ConsumePrefix(&line, "{.word = \""))
        continue;
      const absl::string_view word = line.substr(0, line.find('"'));
      const bool is_row = absl::StartsWith(line.substr(word.size()), "\",");
      bool capitals = word.size() > 2;
      for (const char c : word) capitals = capitals && absl::ascii_isupper(c);
      if (is_row && capitals) words.push_back({std::string(word), file.path, number});
    }
  }
  return words;
}

// Headings such as "### SENDMESSAGE to, body" below "## Commands..."; pushes have a chapter of
// their own and no row in any table.
std::vector<Word> DocumentWords(const SourceFile& document) {
  std::vector<Word> words;
  bool in_commands = false;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(document.text, '\n')) {
    ++number;
    if (absl::StartsWith(line, "## ")) in_commands = absl::StrContains(line, "ommands");
    if (!in_commands || !absl::ConsumePrefix(&line, "### ")) continue;
    words.push_back({std::string(line.substr(0, line.find(' '))), document.path, number});
  }
  return words;
}

std::set<std::string> Texts(const std::vector<Word>& words) {
  std::set<std::string> texts;
  for (const Word& word : words) texts.insert(word.text);
  return texts;
}

}  // namespace

std::vector<Finding> CheckWords(const SourceTree& tree) {
  static constexpr absl::string_view kBanned[] = {
      "TODO", "FIXME", "XXX", "for now", "not implemented", "not yet implemented"};
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (NamesTheBanned(file.path)) continue;
    const std::string lower = absl::AsciiStrToLower(file.text);
    for (const absl::string_view word : kBanned) {
      const bool shouted = absl::ascii_isupper(word[0]);
      for (const int line : LinesWithWord(shouted ? file.text : lower, word)) {
        findings.push_back(
            {file.path, line, absl::StrCat("\"", word, "\": finish it, or file it elsewhere")});
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckLines(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (absl::EndsWith(file.path, ".txt")) continue;  // Transcripts and data hold what they hold.
    int number = 0;
    for (const absl::string_view line : absl::StrSplit(file.text, '\n')) {
      ++number;
      if (IsCxx(file.path) && Columns(line) > kColumnsMax) {
        findings.push_back({file.path, number, "over 100 columns: run tools/format"});
      }
      if (absl::EndsWith(line, " ") || absl::EndsWith(line, "\r")) {
        findings.push_back({file.path, number, "blanks at the end of the line"});
      }
    }
    if (!file.text.empty() && file.text.back() != '\n') {
      findings.push_back({file.path, number, "no line break at the end of the file"});
    }
  }
  return findings;
}

std::vector<Finding> CheckDeadFiles(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path) && !absl::EndsWith(file.path, ".proto")) continue;
    if (!PackageNames(tree, file.path)) {
      findings.push_back({file.path, 0, "no build file names it: add it to a target or delete it"});
    }
  }
  return findings;
}

std::vector<Finding> CheckWarnings(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsBuildFile(file.path) || absl::StartsWith(file.path, "third_party/")) continue;
    for (const BuildRule& rule : FindBuildRules(file.text)) {
      if (absl::StrContains(rule.text, "srcs =") && !absl::StrContains(rule.text, "COPTS")) {
        findings.push_back(
            {file.path, rule.line, "built without the house's warnings: copts = COPTS"});
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckTitles(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (absl::EndsWith(file.path, ".md") && !absl::StartsWith(file.text, "# ")) {
      findings.push_back({file.path, 1, "a document begins with its title: \"# ...\""});
    }
  }
  return findings;
}

std::vector<Finding> CheckCommands(const SourceTree& tree) {
  std::vector<Finding> findings;
  const SourceFile* document = FindFile(tree, "docs/PROTOCOL.md");
  if (document == nullptr) return {{"docs/PROTOCOL.md", 0, "is missing"}};
  const std::vector<Word> in_tables = TableWords(tree);
  const std::vector<Word> in_document = DocumentWords(*document);
  const std::set<std::string> table_texts = Texts(in_tables);
  const std::set<std::string> document_texts = Texts(in_document);
  if (table_texts.empty()) return {{"docs/PROTOCOL.md", 0, "no command table found to compare"}};
  for (const Word& word : in_tables) {
    if (document_texts.count(word.text) == 0) {
      findings.push_back(
          {word.path, word.line, absl::StrCat(word.text, " is not described in docs/PROTOCOL.md")});
    }
  }
  for (const Word& word : in_document) {
    if (table_texts.count(word.text) == 0) {
      findings.push_back(
          {word.path, word.line, absl::StrCat(word.text, " is in no command table")});
    }
  }
  return findings;
}

}  // namespace convergia::tidy
