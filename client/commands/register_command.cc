#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/disk/local_file.h"
#include "client/terminal/prompt.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

extern char** environ;

namespace convergia::client {
namespace {

constexpr int kTries = 3;  // Captchas that one command shows at most.

struct Arguments {
  std::string user;
  std::string captcha_file;
  std::string invite;
};

// Opens the picture on a desktop, if there is one. Success cannot be known, so the path is always
// printed too.
void OpenPicture(const std::string& path) {
  if (std::getenv("DISPLAY") == nullptr && std::getenv("WAYLAND_DISPLAY") == nullptr) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "xdg-open";
  std::string argument = path;
  char* const argv[] = {program.data(), argument.data(), nullptr};
  pid_t pid = 0;
  posix_spawnp(&pid, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
}

absl::StatusOr<std::string> NewPassword(CommandContext& context) {
  CVG_ASSIGN_OR_RETURN(std::string password, context.Password("New password: "));
  if (!InputIsTerminal() || !context.options().password_file.empty()) return password;
  CVG_ASSIGN_OR_RETURN(const std::string again, context.Password("The same again: "));
  if (password == again) return password;
  return Fail(FailCode::kBadField, "the two passwords differ; start again");
}

absl::Status WritePicture(const std::string& path, absl::string_view picture) {
  CVG_ASSIGN_OR_RETURN(const LocalTarget target, LocalTarget::Find(path));
  CVG_ASSIGN_OR_RETURN(const auto output, LocalOutput::Open(target));
  CVG_RETURN_IF_ERROR(output->Write(picture));
  return output->Commit(std::nullopt, /*sync=*/false);
}

// The default path of the picture: in the profile, or in the folder for temporary files if the
// profile cannot be written.
std::string PictureOf(const Profile& profile) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(profile.folder()).parent_path(), error);
  const bool is_made = mkdir(profile.folder().c_str(), 0700) == 0 || errno == EEXIST;
  const bool is_writable = is_made && access(profile.folder().c_str(), W_OK | X_OK) == 0;
  const std::filesystem::path folder = is_writable ? std::filesystem::path(profile.folder())
                                                   : std::filesystem::temp_directory_path(error);
  return folder / absl::StrCat("captcha-", SecureRandomHex(4), ".jpg");
}

// One try: requests a captcha, shows it, sends the answer of the person. Returns true if an
// operator must still accept the account.
absl::StatusOr<bool> RegisterOnce(CommandContext& context, const std::vector<std::string>& wanted,
                                  const std::string& picture_path) {
  CVG_ASSIGN_OR_RETURN(const std::string answer,
                       context.AskWithoutSignIn("REGISTERACCOUNT", wanted));
  const size_t newline = answer.find('\n');
  if (newline == std::string::npos) {
    return Fail(FailCode::kBadPacket, "the answer to REGISTERACCOUNT holds no picture");
  }
  CVG_RETURN_IF_ERROR(WritePicture(picture_path, absl::string_view(answer).substr(newline + 1)));
  std::cerr << "The captcha is the picture " << picture_path << std::endl;
  OpenPicture(picture_path);
  CVG_ASSIGN_OR_RETURN(const std::string text, AskLine("What does it show? (within one minute) "));
  CVG_ASSIGN_OR_RETURN(
      const std::string confirmed,
      context.AskWithoutSignIn("CONFIRMREGISTERACCOUNT", {answer.substr(0, newline), text}));
  return confirmed == "waiting";
}

absl::Status Register(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const std::string user, context.User());
  CVG_ASSIGN_OR_RETURN(const std::string password, NewPassword(context));
  const std::string picture_path =
      arguments.captcha_file.empty() ? PictureOf(context.profile()) : arguments.captcha_file;
  std::vector<std::string> wanted = {user, password};
  if (!arguments.invite.empty()) wanted.push_back(arguments.invite);
  absl::StatusOr<bool> waiting;
  for (int i = 0; i < kTries; ++i) {
    waiting = RegisterOnce(context, wanted, picture_path);
    const bool misread = !waiting.ok() && FailCodeOf(waiting.status()) == FailCode::kWrongCaptcha;
    if (!misread || !InputIsTerminal()) break;
    std::cerr << "The text was wrong; here is another picture.\n";
  }
  if (arguments.captcha_file.empty()) unlink(picture_path.c_str());
  CVG_RETURN_IF_ERROR(waiting.status());
  context.Save();
  std::cout << "The account " << user
            << (*waiting ? " waits for an operator to let it in. Then try: convergia chat"
                         : " is yours. Try: convergia chat")
            << std::endl;
  return absl::OkStatus();
}

}  // namespace

void AddRegisterCommand(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command command =
      program.AddCommand("register", "Make an account; asks you to read a picture (captcha)");
  command.AddOption("user", arguments->user, "The username");
  command.AddOption("--captcha-file", arguments->captcha_file,
                    "Write the picture to this file, and keep it");
  command.AddOption("--invite", arguments->invite,
                    "The code of an invite, from a user or an operator");
  command.OnParsed([line, arguments] {
    if (!arguments->user.empty()) line->options.user = arguments->user;
    line->run = [arguments](CommandContext& context) { return Register(context, *arguments); };
  });
}

}  // namespace convergia::client
