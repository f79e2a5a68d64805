#pragma once

#include <string>

// Files that are of no use to anybody if the program ends now.
namespace convergia::client {

// SIGINT, SIGTERM and SIGHUP remove the file `path` before they end the program, where they do end
// it. A number for ForgetUnfinished(); -1 if too many are remembered. Thread-safe.
int RememberUnfinished(const std::string& path);

// Idempotent; -1 is none.
void ForgetUnfinished(int number);

}  // namespace convergia::client
