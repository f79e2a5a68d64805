#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "client/connect/client.h"

// Text for people. Text of other users must not steer the terminal that shows it.
namespace convergia::client {

// `text` with "?" in place of everything that is not UTF-8 or that a terminal would obey: control
// characters, escape sequences, changes of the writing direction. LF stays, TAB becomes a space.
std::string Printable(absl::string_view text);

// Whether Printable() replaces the character `code`: a terminal would obey it. Also of LF and TAB.
bool SteersTheTerminal(uint32_t code);

// The same in one line, with "?" in place of LF too. For names.
std::string PrintableName(absl::string_view name);

// `text` for standard output: Printable() at a terminal, and unchanged for other programs.
std::string ForOutput(absl::string_view text);

// The line "convergia: `text`" with an LF, printable. Words of the protocol become the commands
// that people type.
std::string ErrorLine(absl::string_view text);

// "[21:05:59] alice: hi", with further lines of the body indented. `time_format` is a format of
// absl::FormatTime().
std::string FormatMessage(const Message& message, absl::string_view time_format);

}  // namespace convergia::client
