#pragma once

#include <string>

#include "absl/status/statusor.h"

// Asks the person at the terminal.
namespace convergia::client {

// Whether standard input is a terminal, so that a person can answer.
bool InputIsTerminal();

// Asks for one line. Without a terminal it reads the next line of standard input and prints
// nothing.
//
// Errors: kCancelled at the end of input or on Ctrl-C.
absl::StatusOr<std::string> AskLine(const std::string& prompt);

// The same without showing the answer. `stdin_is_taken`: standard input is used for something else,
// for example a message. Then it asks at the controlling terminal. Errors then: FailCode::kBadField
// if there is none.
absl::StatusOr<std::string> AskHidden(const std::string& prompt, bool stdin_is_taken);

}  // namespace convergia::client
