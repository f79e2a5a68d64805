#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/connect/client.h"

// What people read: nothing that other people sent may steer the terminal it is shown on.
namespace convergia::client {

// `text` with everything that a terminal would obey, or that is no UTF-8, replaced by "?": control
// characters, escape sequences, changes of the writing direction. LF and TAB stay.
std::string Printable(absl::string_view text);

// The same in one line: LF is replaced, too, and TAB becomes a space. For names.
std::string PrintableName(absl::string_view name);

// As it is shown on standard output: printable at a terminal, and else as it is, for programs.
std::string ForOutput(absl::string_view text);

// A server's text of an error, with the commands of the protocol as people type them: "`convergia
// ls`" for LISTFOLDER. A word that is a part of a path or a name stays as it is.
std::string InCommands(absl::string_view text);

// "convergia: ... LF", in one line and printable.
std::string ErrorLine(absl::string_view text);

// "[21:05:59] alice: hi", further lines of the body indented. `time_format` is absl::FormatTime's.
std::string FormatMessage(const Message& message, absl::string_view time_format);

// Columns lined up, two spaces apart; the first row is the heading. Cells are made printable.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace convergia::client
