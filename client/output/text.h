#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// Text for people. Text of other users must not steer the terminal that shows it.
namespace convergia::client {

// `text` with "?" in place of everything that is not UTF-8 or that a terminal would obey: control
// characters, escape sequences, changes of the writing direction. LF and TAB stay.
std::string Printable(absl::string_view text);

// Whether Printable() replaces the character `code`: a terminal would obey it. True for LF and TAB
// too, which Printable() keeps.
bool SteersTheTerminal(uint32_t code);

// The same in one line, with "?" in place of LF and a space in place of TAB. For names.
std::string PrintableName(absl::string_view name);

// `text` for standard output: Printable() at a terminal, and unchanged for other programs.
std::string ForOutput(absl::string_view text);

// A server's error text, with the commands of the protocol as people type them: "`convergia ls`"
// for LISTFOLDER. A word that is part of a path or a name stays as it is.
std::string InCommands(absl::string_view text);

// The line "convergia: `text`" with an LF, printable.
std::string ErrorLine(absl::string_view text);

}  // namespace convergia::client
