// The `convergia` command: what people use Convergia with.

#include <glog/logging.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/text.h"
#include "common/base/fail.h"
#include "common/base/standard_streams.h"

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

int Main(int argc, char** argv) {
  CommandLine line;
  CLI::App app("Convergia: messages between people, and their files", "convergia");
  app.require_subcommand(1);
  app.fallthrough();  // Global options may stand after the command, too.
  app.footer(kExitCodeHelp);
  AddGlobalOptions(app, &line.options);
  AddRegisterCommand(app, &line);
  AddChatCommand(app, &line);
  AddSendCommand(app, &line);
  AddListenCommand(app, &line);
  AddMapCommand(app, &line);
  AddPasswdCommand(app, &line);
  AddFilesCommands(app, &line);
  AddTransferCommands(app, &line);
  AddMailCommands(app, &line);
  AddMetaCommands(app, &line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  const absl::Status status = Run(line);
  if (!status.ok()) {
    std::cerr << "convergia: " << Printable(status.message()) << std::endl;
  }
  return ExitCodeOf(status);
}

}  // namespace
}  // namespace convergia::client

int main(int argc, char** argv) {
  convergia::OpenStandardStreams(argv);
  google::InitGoogleLogging(argv[0]);
  std::signal(SIGPIPE, SIG_IGN);  // A server that goes away is an error like others.
  return convergia::client::Main(argc, argv);
}
