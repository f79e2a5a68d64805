#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "absl/status/status.h"
#include "client/profile/context.h"

// The families of commands of `convergia`, one file each. Each function adds its subcommands to
// `app`. The subcommand on the command line sets `line->run`.
namespace convergia::client {

struct CommandLine {
  GlobalOptions options;
  std::function<absl::Status(CommandContext&)> run;
};

void AddRegisterCommand(CLI::App& app, CommandLine* line);
void AddChatCommand(CLI::App& app, CommandLine* line);
void AddSendCommand(CLI::App& app, CommandLine* line);
void AddListenCommand(CLI::App& app, CommandLine* line);
void AddMapCommand(CLI::App& app, CommandLine* line);
void AddPasswdCommand(CLI::App& app, CommandLine* line);
void AddFilesCommands(CLI::App& app, CommandLine* line);
void AddTransferCommands(CLI::App& app, CommandLine* line);
void AddMailCommands(CLI::App& app, CommandLine* line);
void AddMetaCommands(CLI::App& app, CommandLine* line);

}  // namespace convergia::client
