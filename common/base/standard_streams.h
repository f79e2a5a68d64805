#pragma once

namespace convergia {

// Opens /dev/null in place of each of standard input, output and error that is closed. Without it
// the next file that is opened gets the free number, and what is printed goes into that file.
//
// First of all in main(), with its arguments. If a library took such a number before main(), the
// program is executed again from its start, with the stream open. Ends the process with status 1 if
// it cannot.
void OpenStandardStreams(char** argv);

}  // namespace convergia
