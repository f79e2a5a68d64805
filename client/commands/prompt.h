#pragma once

#include <string>

#include "absl/status/statusor.h"

// Questions to the person at the terminal.
namespace convergia::client {

// Whether there is a person: standard input is a terminal.
bool InputIsTerminal();

// Asks for one line. Without a terminal it is the next line of standard input, and nothing is
// printed.
//
// Errors: kCancelled at the end of input or on Ctrl-C.
absl::StatusOr<std::string> AskLine(const std::string& prompt);

// The same without showing what is typed. With `stdin_is_taken` (it holds a message, say) it asks
// at the controlling terminal, or fails with FailCode::kBadField where there is none.
absl::StatusOr<std::string> AskHidden(const std::string& prompt, bool stdin_is_taken);

}  // namespace convergia::client
