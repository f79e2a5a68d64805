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

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command_line/command.h"
#include "client/command_line/text_arguments.h"
#include "client/commands/commands.h"
#include "client/output/exit_code.h"
#include "client/output/output.h"
#include "client/output/text.h"
#include "common/base/standard_streams.h"
#include "common/base/version.h"

namespace convergia::client {
namespace {

void AddGlobalOptions(CLI::App& app, GlobalOptions* options) {
  app.add_option("--server", options->server,
                 "The management server, HOST:PORT; saved in the profile");
  app.add_option(
      "--user", options->user,
      "Your username; the profile saves the first one. For another user it saves nothing, "
      "so the password is asked each time: use a --profile of its own");
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

// The command that the arguments name, of all below `app`: "mail read".
const CLI::App& NamedCommand(const CLI::App& app, std::string* name) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    absl::StrAppend(name, " ", command->get_name());
  }
  return *command;
}

// The arguments that the parser did not take, in the order of the command line.
std::vector<std::string> UnknownOf(const CLI::App& app) {
  std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  std::erase(unknown, "--");
  return unknown;
}

// The first argument with an option that does not exist; empty if all exist.
std::string UnknownOption(const std::vector<std::string>& unknown,
                          const std::vector<std::string>& arguments) {
  // The parser takes the letters that it knows: of "-qab" it leaves "-ab".
  const auto is_left_of = [](const std::string& argument, const std::string& left) {
    return left == argument || (left.size() > 1 && left[0] == '-' && left[1] != '-' &&
                                argument[1] != '-' && absl::EndsWith(argument, left.substr(1)));
  };
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const bool is_option = argument.size() > 1 && argument[0] == '-';
    if (is_option && std::any_of(unknown.begin(), unknown.end(), [&](const std::string& left) {
          return is_left_of(argument, left);
        })) {
      return argument;
    }
  }
  return "";
}

// Says what is wrong with the command line, and where the right one is explained.
std::string UsageText(const CLI::App& app, const std::vector<std::string>& arguments,
                      const CLI::ParseError& error) {
  std::string name;
  const CLI::App& command = NamedCommand(app, &name);
  const bool wants_command = !command.get_subcommands({}).empty();
  const std::vector<std::string> unknown = UnknownOf(app);
  const std::string option = UnknownOption(unknown, arguments);
  std::string text = error.what();
  if (!option.empty()) {
    text = absl::StrCat("there is no option ", option,
                        wants_command ? "" : "; write -- before a name that begins with a dash");
  } else if (wants_command && !unknown.empty()) {
    text = absl::StrCat("there is no command", name, " ", unknown.front());
  } else if (wants_command) {
    text = absl::StrCat("a command is missing", name.empty() ? "" : " after", name);
  } else if (!unknown.empty()) {
    text = absl::StrCat("too many arguments: ", absl::StrJoin(unknown, " "));
  }
  return absl::StrCat(text, "; `convergia", name, " --help` explains");
}

// Parses the command line. False if there is nothing to run: the program then ends with
// `*exit_code`.
bool Parse(int argc, char** argv, CommandLine* line, int* exit_code) {
  CLI::App app("Convergia: messages between people, and their files", "convergia");
  app.require_subcommand(1);
  app.fallthrough();  // So global options may follow the command.
  app.set_version_flag("--version", VersionText("convergia"), "Show the version");
  AddGlobalOptions(app, &line->options);
  const Command program(&app);
  AddRegisterCommand(program, line);
  AddChatCommand(program, line);
  AddSendCommand(program, line);
  AddListenCommand(program, line);
  AddMapCommand(program, line);
  AddPasswdCommand(program, line);
  AddFilesCommands(program, line);
  AddTransferCommands(program, line);
  AddMailCommands(program, line);
  AddMetaCommands(program, line);
  app.footer(kExitCodeHelp);  // Last, since commands inherit a footer: only this help has it.
  const std::vector<std::string> arguments =
      WithTextMarked(app, std::vector<std::string>(argv + 1, argv + argc));
  if (const std::string wrong = HelpAmongFlags(app, arguments); !wrong.empty()) {
    std::cerr << ErrorLine(absl::StrCat(wrong, ": -h is the help and stands alone"));
    *exit_code = kExitUsage;
    return false;
  }
  if (const std::string wrong = OptionWithoutValue(app, arguments); !wrong.empty()) {
    std::cerr << ErrorLine(absl::StrCat(wrong, " has no value"));
    *exit_code = kExitUsage;
    return false;
  }
  try {
    // The parser expects them in this order.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    // --help and --version are errors to the parser, too.
    const bool is_wrong = error.get_exit_code() != 0;
    if (is_wrong) {
      std::cerr << ErrorLine(UsageText(app, arguments, error));
    } else {
      app.exit(error, std::cout, std::cerr);
    }
    *exit_code = is_wrong ? kExitUsage : kExitDone;
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
  convergia::OpenStandardStreams(argv, convergia::ClosedStream::kFails);
  google::InitGoogleLogging(argv[0]);
  std::signal(SIGPIPE, SIG_IGN);  // A broken connection is an ordinary error.
  return convergia::client::Main(argc, argv);
}
