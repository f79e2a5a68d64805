#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "client/connect/client.h"

// What people read: nothing that other people sent may steer the terminal it is shown on.
namespace convergia::client {

// `text` with everything that a terminal would obey, or that is no UTF-8, replaced by "?": control
// characters, escape sequences, changes of the writing direction. LF stays, TAB becomes a space.
std::string Printable(absl::string_view text);

// Whether Printable() replaces the character `code`: a terminal would obey it. Also of LF and TAB.
bool SteersTheTerminal(uint32_t code);

// The same in one line: LF is replaced, too. For names.
std::string PrintableName(absl::string_view name);

// As it is shown on standard output: printable at a terminal, and else as it is, for programs.
std::string ForOutput(absl::string_view text);

// "convergia: ... LF", in one line and printable. Words of the protocol become the commands that
// people type.
std::string ErrorLine(absl::string_view text);

// "[21:05:59] alice: hi", further lines of the body indented. `time_format` is absl::FormatTime's.
std::string FormatMessage(const Message& message, absl::string_view time_format);

}  // namespace convergia::client
