// The `convergia` command, with which people use Convergia.

#include <glog/logging.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/text.h"
#include "client/commands/text_arguments.h"
#include "common/base/version.h"

namespace convergia::client {
namespace {

void AddGlobalOptions(CLI::App& app, GlobalOptions* options) {
  app.add_option("--server", options->server,
                 "The management server, HOST:PORT; saved in the profile");
  app.add_option("--user", options->user, "Your username; saved in the profile");
  app.add_option("--profile", options->profile,
                 "The profile: a folder in $CONVERGIA_HOME or ~/.config/convergia")
      ->capture_default_str();
  app.add_option("--password-file", options->password_file,
                 "A file with the password in its first line; - is standard input. Without this "
                 "option the program asks");
  app.add_option("--ca", options->ca_file,
                 "Trust the certificate authority in this PEM file; saved in the profile");
  app.add_option("--ca-fingerprint", options->ca_fingerprint,
                 "At the first contact, trust the authority with this SHA-256 without a question");
  app.add_option("--main-server", options->main_server,
                 "Sign in at the main server of this name, not at the assigned one");
  app.add_option("--timeout", options->timeout_seconds, "Seconds to keep trying to connect")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
}

absl::Status Run(const CommandLine& line) {
  auto context = CommandContext::Create(line.options);
  if (!context.ok()) return context.status();
  return line.run(**context);
}

// Parses the command line. False if there is nothing to run: the program then ends with
// `*exit_code`.
bool Parse(int argc, char** argv, CommandLine* line, int* exit_code) {
  CLI::App app("Convergia: messages between people, and their files", "convergia");
  app.require_subcommand(1);
  app.fallthrough();  // So global options may follow the command.
  app.set_version_flag("--version", VersionText("convergia"), "Show the version");
  AddGlobalOptions(app, &line->options);
  AddRegisterCommand(app, line);
  AddChatCommand(app, line);
  AddSendCommand(app, line);
  AddListenCommand(app, line);
  AddMapCommand(app, line);
  AddPasswdCommand(app, line);
  AddFilesCommands(app, line);
  AddTransferCommands(app, line);
  AddMailCommands(app, line);
  AddMetaCommands(app, line);
  app.footer(kExitCodeHelp);  // Last, since commands inherit a footer: only this help has it.
  std::vector<std::string> arguments =
      WithTextMarked(app, std::vector<std::string>(argv + 1, argv + argc));
  std::reverse(arguments.begin(), arguments.end());  // The parser expects them so.
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error, std::cout, std::cerr) == 0 ? kExitDone : kExitUsage;
    return false;
  }
  return true;
}

int Main(int argc, char** argv) {
  Output output;
  CommandLine line;
  int exit_code = kExitDone;
  if (Parse(argc, argv, &line, &exit_code)) {
    const absl::Status status = Run(line);
    std::cout.flush();
    if (!status.ok() && !status.message().empty()) std::cerr << ErrorLine(status.message());
    exit_code = ExitCodeOf(status);
    if (!status.ok() && status == Output::Current()) return exit_code;  // Printed above.
  }
  const absl::Status written = output.Close();
  if (written.ok()) return exit_code;
  std::cerr << ErrorLine(written.message());
  return exit_code == kExitDone ? ExitCodeOf(written) : exit_code;
}

}  // namespace
}  // namespace convergia::client

int main(int argc, char** argv) {
  convergia::client::KeepStandardDescriptors();
  google::InitGoogleLogging(argv[0]);
  std::signal(SIGPIPE, SIG_IGN);  // A broken connection is an ordinary error.
  return convergia::client::Main(argc, argv);
}
