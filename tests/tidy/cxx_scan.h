#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Reads C++ well enough for rules about it: not a parser, but never fooled by comments or strings.
namespace convergia::tidy {

// `text` with the characters of comments, and those inside string and character literals, replaced
// by blanks. Line breaks stay, so positions and line numbers hold. Include paths are not literals.
std::string BlankCommentsAndLiterals(absl::string_view text);

// The same for comments alone.
std::string BlankComments(absl::string_view text);

struct FunctionSpan {
  int first_line = 0;  // Of its head.
  int last_line = 0;   // Of its closing brace.
};

// The functions defined in `text`, which may be any C++ source; lambdas count to the function
// around.
std::vector<FunctionSpan> FindFunctions(absl::string_view text);

struct Include {
  std::string path;
  int line = 0;
  bool quoted = false;  // "..." rather than <...>.
};
std::vector<Include> FindIncludes(absl::string_view text);

// The comment that comes before any code but preprocessor lines; "" if there is none.
std::string FirstComment(absl::string_view text);

// Where `word` stands in `blanked` as a word of its own, as line numbers from 1. A word may hold
// characters that are no letters, as in "absl::Now(": only its ends are looked at.
std::vector<int> LinesWithWord(absl::string_view blanked, absl::string_view word);

}  // namespace convergia::tidy
