#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace convergia::client {

// Tells text that a person types at a terminal from text that they paste. Between PasteOn() and
// PasteOff() the terminal sends marks around each paste ("bracketed paste"). Not thread-safe.
class PasteScanner {
 public:
  // The bytes that switch the marks on and off, for the program to write to the terminal.
  static constexpr absl::string_view PasteOn() { return "\033[?2004h"; }
  static constexpr absl::string_view PasteOff() { return "\033[?2004l"; }

  // Of one paste, the bytes beyond this are left out.
  static constexpr size_t kBytesMax = 4 * 1024 * 1024;

  // Takes the next byte of the terminal. Adds bytes that were typed to `*typed`; some wait until it
  // is clear whether they begin a mark.
  void Add(char byte, std::string* typed);

  // The text of a paste that has ended, once. Its lines end with LF. It is UTF-8, and TAB is its
  // only other control character.
  std::optional<std::string> TakePasted();

 private:
  std::string begun_;  // Of the mark at the beginning.
  bool in_paste_ = false;
  std::string paste_;
  std::string tail_;  // The last bytes of the paste, as many as the mark at its end has.
  std::optional<std::string> whole_;
};

}  // namespace convergia::client
