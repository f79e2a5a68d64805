#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace convergia {

// The behaviour of a standard stream that was closed when the program started.
enum class ClosedStream {
  kDiscards,  // It is empty to read, and drops all that is written. For servers.
  kFails,     // Every read and write fails. For programs whose input and output are their work.
};

// Opens /dev/null in place of each of standard input, output and error that is closed. Without it
// the next file that is opened gets the free number, and what is printed goes into that file.
//
// First of all in main(), with its arguments. If a library took such a number before main(), the
// program is executed again from its start, with the stream open. Ends the process with status 1 if
// it cannot.
void OpenStandardStreams(char** argv, ClosedStream closed);

// Writes `text` to standard output, past std::cout.
//
// Errors: kUnknown, with the system's reason, if not all of it could be written.
absl::Status PrintToStandardOutput(absl::string_view text);

}  // namespace convergia
