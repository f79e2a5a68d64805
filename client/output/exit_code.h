#pragma once

#include "absl/status/status.h"

namespace convergia::client {

// The exit statuses of `convergia`, for scripts. `convergia --help` shows this list.
enum ExitCode {
  kExitDone = 0,
  kExitUsage = 1,        // The command line, a name or a file is wrong.
  kExitNotSignedIn = 2,  // The password, the ticket or the captcha's text is refused or too old.
  kExitUnreachable = 3,  // No connection, or a server that is needed is down. Try again later.
  kExitOffline = 4,      // The recipient cannot be reached now; nothing was delivered.
  kExitNotFound = 5,     // There is no such user, or no such thing.
  kExitDenied = 6,       // Not allowed, or the server is not one to be trusted.
  kExitUnconfirmed = 7,  // It may or may not have happened.
  kExitTryLater = 8,     // Too much or too fast, or no room.
  kExitExists = 9,       // The name is taken.
  kExitInternal = 10,    // Any other error.
};

ExitCode ExitCodeOf(const absl::Status& status);

// The list above as text.
extern const char kExitCodeHelp[];

}  // namespace convergia::client
