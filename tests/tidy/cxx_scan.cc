#include "tests/tidy/cxx_scan.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace convergia::tidy {
namespace {

bool IsWordChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Walks over `text` once, blanking as asked.
class Blanker {
 public:
  Blanker(absl::string_view text, bool literals) : out_(text), literals_(literals) {}

  std::string Run() {
    while (at_ < out_.size()) Step();
    return std::move(out_);
  }

 private:
  bool Ahead(absl::string_view what) const {
    return absl::StartsWith(absl::string_view(out_).substr(at_), what);
  }

  void Step() {
    if (Ahead("//")) {
      BlankTo(FindOrEnd("\n", at_));
    } else if (Ahead("/*")) {
      BlankTo(FindOrEnd("*/", at_ + 2) + 2);
    } else if (Ahead("#include")) {
      at_ = FindOrEnd("\n", at_);
    } else if (Ahead("R\"") && (at_ == 0 || !IsWordChar(out_[at_ - 1]))) {
      RawString();
    } else if (out_[at_] == '"' || (out_[at_] == '\'' && !IsDigitSeparator())) {
      Quoted(out_[at_]);
    } else {
      ++at_;
    }
  }

  bool IsDigitSeparator() const {
    return at_ > 0 && absl::ascii_isxdigit(static_cast<unsigned char>(out_[at_ - 1])) &&
           at_ + 1 < out_.size() && absl::ascii_isxdigit(static_cast<unsigned char>(out_[at_ + 1]));
  }

  void Quoted(char quote) {
    size_t end = at_ + 1;
    while (end < out_.size() && out_[end] != quote && out_[end] != '\n') {
      end += out_[end] == '\\' ? 2 : 1;
    }
    SkipLiteral(/*inner_begin=*/at_ + 1, /*inner_end=*/end, /*next=*/end + 1);
  }

  void RawString() {
    const size_t open = FindOrEnd("(", at_);
    const std::string close =
        absl::StrCat(")", absl::string_view(out_).substr(at_ + 2, open - at_ - 2), "\"");
    const size_t end = FindOrEnd(close, open);
    SkipLiteral(/*inner_begin=*/open + 1, /*inner_end=*/end, /*next=*/end + close.size());
  }

  void SkipLiteral(size_t inner_begin, size_t inner_end, size_t next) {
    if (literals_) {
      at_ = inner_begin;
      BlankTo(inner_end);
    }
    at_ = std::min(next, out_.size());
  }

  void BlankTo(size_t end) {
    end = std::min(end, out_.size());
    for (; at_ < end; ++at_) {
      if (out_[at_] != '\n') out_[at_] = ' ';
    }
  }

  size_t FindOrEnd(absl::string_view what, size_t from) const {
    return std::min(absl::string_view(out_).find(what, from), out_.size());
  }

  std::string out_;
  const bool literals_;
  size_t at_ = 0;
};

void BlankPreprocessor(std::string* text) {
  bool in_directive = false;
  size_t begin = 0;
  while (begin < text->size()) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const absl::string_view line = absl::string_view(*text).substr(begin, end - begin);
    in_directive = in_directive || absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), "#");
    const bool goes_on = absl::EndsWith(line, "\\");
    if (in_directive) std::fill(text->begin() + begin, text->begin() + end, ' ');
    in_directive = in_directive && goes_on;
    begin = end + 1;
  }
}

// True if `head`, the text before a '{' since the last ';', '{' or '}', makes it a function's.
bool OpensFunction(absl::string_view head) {
  head = absl::StripAsciiWhitespace(head);
  if (!absl::StrContains(head, '(') || absl::EndsWith(head, "=")) return false;
  // Inside of parentheses stands a list, as in TEST_SUITE(Values({...})).
  if (std::count(head.begin(), head.end(), '(') != std::count(head.begin(), head.end(), ')')) {
    return false;
  }
  for (const absl::string_view word : {"namespace", "enum", "union"}) {
    if (absl::StartsWith(head, word)) return false;
  }
  // "class ABSL_LOCKABLE(x) Foo {" is rare; a function's head ends behind its parameters.
  for (const absl::string_view word : {"class ", "struct "}) {
    if (absl::StartsWith(head, word) && !absl::EndsWith(head, ")")) return false;
  }
  return true;
}

}  // namespace

std::string BlankCommentsAndLiterals(absl::string_view text) {
  return Blanker(text, /*literals=*/true).Run();
}

std::string BlankComments(absl::string_view text) {
  return Blanker(text, /*literals=*/false).Run();
}

std::vector<FunctionSpan> FindFunctions(absl::string_view text) {
  std::string code = BlankCommentsAndLiterals(text);
  BlankPreprocessor(&code);
  std::vector<FunctionSpan> functions;
  int line = 1;
  int depth = 0;           // Of braces inside the function under way; 0 outside of any.
  size_t head_begin = 0;   // Just behind the last ';', '{' or '}'.
  int head_line = 1;       // Line of the first character of the head.
  bool head_empty = true;  // Nothing but blanks since head_begin.
  for (size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\n') ++line;
    if (head_empty && !absl::ascii_isspace(static_cast<unsigned char>(c))) {
      head_empty = false;
      head_line = line;
    }
    if (depth > 0) {
      if (c == '{') ++depth;
      if (c == '}' && --depth == 0) functions.back().last_line = line;
    } else if (c == '{' &&
               OpensFunction(absl::string_view(code).substr(head_begin, i - head_begin))) {
      functions.push_back({head_line, line});
      depth = 1;
    }
    if (c == ';' || c == '{' || c == '}') {
      head_begin = i + 1;
      head_empty = true;
    }
  }
  return functions;
}

std::vector<Include> FindIncludes(absl::string_view text) {
  std::vector<Include> includes;
  int number = 0;
  const std::string code = BlankComments(text);
  for (absl::string_view line : absl::StrSplit(code, '\n')) {
    ++number;
    if (!absl::ConsumePrefix(&line, "#include ")) continue;
    line = absl::StripAsciiWhitespace(line);
    if (line.size() < 2) continue;
    includes.push_back({std::string(line.substr(1, line.size() - 2)), number, line[0] == '"'});
  }
  return includes;
}

std::string FirstComment(absl::string_view text) {
  std::string comment;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "//")) {
      absl::StrAppend(&comment, line, "\n");
    } else if (!comment.empty()) {
      break;
    } else if (!line.empty() && line[0] != '#' && !absl::StartsWith(line, "namespace")) {
      break;
    }
  }
  return comment;
}

std::vector<int> LinesWithWord(absl::string_view blanked, absl::string_view word) {
  std::vector<int> lines;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(blanked, '\n')) {
    ++number;
    for (size_t at = line.find(word); at != absl::string_view::npos; at = line.find(word, at + 1)) {
      const size_t end = at + word.size();
      const bool begins = at == 0 || !IsWordChar(line[at - 1]) || !IsWordChar(word.front());
      const bool ends = end == line.size() || !IsWordChar(line[end]) || !IsWordChar(word.back());
      if (begins && ends) {
        lines.push_back(number);
        break;
      }
    }
  }
  return lines;
}

}  // namespace convergia::tidy
