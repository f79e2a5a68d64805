#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::datamgr {

inline constexpr size_t kPathBytesMax = 4096;
inline constexpr size_t kPathNameBytesMax = 255;
// Deeper than people need, and shallow enough for quick look-ups.
inline constexpr size_t kPathDepthMax = 64;

// The names of a path, from the top; empty for "/".
using Path = std::vector<std::string>;

// Parses an absolute path like "/a/b". Its names are 1 to kPathNameBytesMax bytes of UTF-8 without
// control characters, and not "." or "..". A path has at most kPathBytesMax bytes and kPathDepthMax
// names.
//
// Errors: FailCode::kBadField, naming the rule.
absl::StatusOr<Path> ParsePath(absl::string_view text);

// Whether a new file or folder may have `name`, a name of a parsed path. Names that are older than
// this rule stay valid.
//
// Errors: FailCode::kBadField for characters that are invisible or change the direction of text.
// Such characters make two names look the same, or `exe` look like `txt`.
absl::Status CheckNewName(absl::string_view name);

// Whether CheckNewName() would refuse `text`, which may be any UTF-8.
bool HasHiddenCharacters(absl::string_view text);

// Whether `text` is UTF-8 without control characters (C0, DEL, C1), so it cannot disturb a list.
bool IsPrintableUtf8(absl::string_view text);

}  // namespace convergia::datamgr
