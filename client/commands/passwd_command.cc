#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/terminal/prompt.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

// The new password never comes from --password-file, which has the old one.
absl::StatusOr<std::string> NewPassword() {
  if (!InputIsTerminal()) {
    const absl::StatusOr<std::string> line = AskLine("");
    if (line.ok()) return line;
    return Fail(FailCode::kBadField,
                "standard input has no line with the new password; nothing was changed");
  }
  CVG_ASSIGN_OR_RETURN(std::string password, AskHidden("New password: ", false));
  CVG_ASSIGN_OR_RETURN(const std::string again, AskHidden("The same again: ", false));
  if (password == again) return password;
  return Fail(FailCode::kBadField, "the two passwords differ; nothing was changed");
}

absl::Status ChangePassword(CommandContext& context) {
  CVG_ASSIGN_OR_RETURN(const std::string user, context.User());
  CVG_ASSIGN_OR_RETURN(const std::string old,
                       context.Password(absl::StrCat("Old password of ", user, ": ")));
  CVG_ASSIGN_OR_RETURN(const std::string password, NewPassword());
  CVG_ASSIGN_OR_RETURN(const std::string answer,
                       context.AskManagementByPassword(old, "CHANGEPASSWORD", {old, password}));
  int64_t expires_ms = 0;
  const absl::string_view ticket = line::ValueInRows(answer, "ticket");
  if (!ticket.empty() && absl::SimpleAtoi(line::ValueInRows(answer, "expires"), &expires_ms)) {
    context.KeepTicket(ticket, absl::FromUnixMillis(expires_ms));
  } else {
    context.ForgetTicket();
  }
  context.Save();
  std::cout << "The password of " << user << " is changed." << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddPasswdCommand(Command program, CommandLine* line) {
  Command command = program.AddCommand("passwd", "Change your password");
  command.SetFooter(
      "The program asks for the old and the new password. If standard input is not a terminal, it\n"
      "reads them from there, one line each.");
  command.OnParsed([line] { line->run = ChangePassword; });
}

}  // namespace convergia::client
