#pragma once

#include <functional>

#include "absl/status/status.h"
#include "client/command_line/command.h"
#include "client/profile/context.h"

// The families of commands of `convergia`, one file each. Each function adds its subcommands to
// `program`. The subcommand on the command line sets `line->run`.
namespace convergia::client {

struct CommandLine {
  GlobalOptions options;
  std::function<absl::Status(CommandContext&)> run;
};

void AddRegisterCommand(Command program, CommandLine* line);
void AddChatCommand(Command program, CommandLine* line);
void AddSendCommand(Command program, CommandLine* line);
void AddListenCommand(Command program, CommandLine* line);
void AddMapCommand(Command program, CommandLine* line);
void AddPasswdCommand(Command program, CommandLine* line);
void AddFilesCommands(Command program, CommandLine* line);
void AddTransferCommands(Command program, CommandLine* line);
void AddMailCommands(Command program, CommandLine* line);
void AddMetaCommands(Command program, CommandLine* line);

}  // namespace convergia::client
