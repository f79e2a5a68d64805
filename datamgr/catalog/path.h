#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::datamgr {

inline constexpr size_t kPathBytesMax = 4096;
inline constexpr size_t kPathNameBytesMax = 255;
// Deeper than people think, and shallow enough that a look-up stays quick.
inline constexpr size_t kPathDepthMax = 64;

// A path's names, from the top; none for "/".
using Path = std::vector<std::string>;

// "/a/b": absolute, names of 1 to 255 bytes of UTF-8 without control characters, none of them "."
// or "..", no empty ones; at most 4 KiB and 64 names.
//
// Errors: FailCode::kBadField, naming the rule.
absl::StatusOr<Path> ParsePath(absl::string_view text);

// Whether a new file or folder may have this name, which is one of a path. Names that were given
// before this rule stay valid.
//
// Errors: FailCode::kBadField for characters that are invisible or turn the direction of text: two
// names may look the same with them, and `exe` like `txt`.
absl::Status CheckNewName(absl::string_view name);

// The same as a question, of any UTF-8.
bool HasHiddenCharacters(absl::string_view text);

// UTF-8 and nothing that would disturb a list: no control characters (C0, DEL, C1).
bool IsPrintableUtf8(absl::string_view text);

}  // namespace convergia::datamgr
