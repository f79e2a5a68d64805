#pragma once

#include <string>

namespace convergia::testing {

struct CommandResult {
  int status = -1;     // The exit status; 128 if a signal ended it.
  std::string output;  // Of both its output streams.
};

// Runs `command` in a shell and waits for its end.
CommandResult RunCommand(const std::string& command);

}  // namespace convergia::testing
