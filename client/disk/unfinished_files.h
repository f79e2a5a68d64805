#pragma once

#include <string>

// Files that are useless if the program ends now.
namespace convergia::client {

// If SIGINT, SIGTERM or SIGHUP ends the program, the file `path` is removed before. Returns a
// number for ForgetUnfinished(); -1 if too many files are remembered. Thread-safe.
int RememberUnfinished(const std::string& path);

// Idempotent. Does nothing for -1.
void ForgetUnfinished(int number);

}  // namespace convergia::client
