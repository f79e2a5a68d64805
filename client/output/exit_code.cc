#include "client/output/exit_code.h"

#include "common/base/fail.h"

namespace convergia::client {

const char kExitCodeHelp[] =
    "Exit status:\n"
    "  0  done\n"
    "  1  the command line, a name or a file is wrong\n"
    "  2  the password, the ticket or the captcha's text is refused or too old\n"
    "  3  no connection, or a server that is needed is down; try again later\n"
    "  4  the recipient cannot be reached now; nothing was delivered\n"
    "  5  there is no such user, or no such thing\n"
    "  6  not allowed, or the server is not one to be trusted\n"
    "  7  unconfirmed: it may or may not have happened\n"
    "  8  too much or too fast, or no room; try again later\n"
    "  9  the name is taken\n"
    " 10  anything else";

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  switch (FailCodeOf(status)) {
    case FailCode::kBadField:
    case FailCode::kTooLong:
    case FailCode::kNotAFolder:
    case FailCode::kNotAFile:
      return kExitUsage;
    case FailCode::kNotSignedIn:
    case FailCode::kSignInFailed:
    case FailCode::kExpired:
    case FailCode::kWrongCaptcha:
      return kExitNotSignedIn;
    case FailCode::kUnavailable:
    case FailCode::kStorageDown:
    case FailCode::kManagementDown:
      return kExitUnreachable;
    case FailCode::kOffline:
    case FailCode::kUnroutable:
      return kExitOffline;
    case FailCode::kNoSuchUser:
    case FailCode::kNotFound:
      return kExitNotFound;
    case FailCode::kDenied:
      return kExitDenied;
    case FailCode::kUnconfirmed:
      return kExitUnconfirmed;
    case FailCode::kBusy:
    case FailCode::kRate:
    case FailCode::kQuota:
    case FailCode::kNoSpace:
      return kExitTryLater;
    case FailCode::kExists:
    case FailCode::kNotEmpty:
      return kExitExists;
    case FailCode::kBadPacket:
    case FailCode::kUnknownCommand:
    case FailCode::kInternal:
      return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace convergia::client
