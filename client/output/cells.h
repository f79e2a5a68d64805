#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

// UTF-8 text measured in the cells of a terminal. Most characters take one cell, those of East Asia
// and most emoji take two, and combining marks take none. The user's locale does not matter.
// Thread-safe.
namespace convergia::client {

// Reads the first character of `text`, which is not empty, into `*code`. Returns its bytes; 0 if
// `text` does not begin with a character of UTF-8.
size_t ReadUtf8(absl::string_view text, uint32_t* code);

// The cells that `text` takes. Control characters and bytes that are not UTF-8 count as one cell.
size_t CellsOf(absl::string_view text);

// The longest beginning of `text` that takes at most `cells`. It ends between two characters, and
// a character keeps the combining marks that follow it.
absl::string_view CutToCells(absl::string_view text, size_t cells);

}  // namespace convergia::client
