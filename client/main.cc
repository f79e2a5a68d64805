// The `convergia` command: what people use Convergia with.

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
                 "The management server, HOST:PORT (the profile remembers it)");
  app.add_option("--user", options->user, "Who you are (the profile remembers it)");
  app.add_option("--profile", options->profile,
                 "Which profile of $CONVERGIA_HOME, else ~/.config/convergia")
      ->capture_default_str();
  app.add_option("--password-file", options->password_file,
                 "The first line of this file is the password; - is standard input. Without it you "
                 "are asked");
  app.add_option("--ca", options->ca_file,
                 "Trust the certificate authority in this PEM file, from now on");
  app.add_option("--ca-fingerprint", options->ca_fingerprint,
                 "At the first contact, trust the authority with this SHA-256, without asking");
  app.add_option(
      "--main-server", options->main_server,
      "Sign in at the main server of this name, not where the management server sends you");
  app.add_option("--timeout", options->timeout_seconds, "Seconds to try to connect")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
}

absl::Status Run(const CommandLine& line) {
  auto context = CommandContext::Create(line.options);
  if (!context.ok()) return context.status();
  return line.run(**context);
}

// Reads the command line. False: `exit_code` is all there is to it.
bool Parse(int argc, char** argv, CommandLine* line, int* exit_code) {
  CLI::App app("Convergia: messages between people, and their files", "convergia");
  app.require_subcommand(1);
  app.fallthrough();  // Global options may stand after the command, too.
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
  std::reverse(arguments.begin(), arguments.end());  // As the parser takes them.
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
    if (!status.ok() && status == Output::Current()) return exit_code;  // It is said.
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
  std::signal(SIGPIPE, SIG_IGN);  // A server that goes away is an error like others.
  return convergia::client::Main(argc, argv);
}
