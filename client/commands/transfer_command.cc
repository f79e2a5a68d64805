// put and get.

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "client/commands/commands.h"
#include "client/commands/progress_bar.h"
#include "client/commands/stored.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "client/files/tree_transfer.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string from;
  std::string to;
  bool quiet = false;
};

// "/a/" names the folder "/a".
std::string WithoutLastSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// What was done, in one line, where people look.
void PrintSum(const ProgressBar& bar) {
  std::cout << bar.files_moved() << (bar.files_moved() == 1 ? " file moved" : " files moved");
  if (bar.files_left() > 0) std::cout << ", " << bar.files_left() << " already there";
  std::cout << ", " << FormatBytes(bar.bytes()) << std::endl;
}

// Runs `move` with a bar that fits.
template <typename Move>
absl::Status WithBar(BlockingClient& client, const Arguments& arguments, bool is_tree,
                     const Move& move) {
  ProgressBar bar(&std::cerr, &RealClock::Get(), is_tree,
                  arguments.quiet ? 0 : TerminalColumns(STDERR_FILENO));
  Transfer transfer(&client, TransferOptions(), &bar);
  const absl::Status status = move(transfer);
  bar.End();
  if (status.ok() && !arguments.quiet) PrintSum(bar);
  return status;
}

// The name that a folder keeps where it goes; empty for "FOLDER/", whose content goes there. It
// does not depend on what is there already, or else a repeated command would go elsewhere.
std::string KeptName(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name == "." || name == ".." ? "" : name;
}

absl::Status PutTree(Transfer& transfer, const fs::path& local, const std::string& to) {
  const std::string name = KeptName(local.string());
  if (name.empty()) return TreeTransfer(&transfer).Put(local, to);
  CVG_RETURN_IF_ERROR(transfer.Persist(to, [&] {
    const absl::Status made = transfer.storage().CreateFolder(to);
    return !made.ok() && FailCodeOf(made) == FailCode::kExists ? absl::OkStatus() : made;
  }));
  return TreeTransfer(&transfer).Put(local, JoinPath(to, name));
}

absl::Status Put(CommandContext& context, const Arguments& arguments) {
  const fs::path local = fs::path(arguments.from).lexically_normal();
  std::error_code error;
  const bool is_tree = fs::is_directory(local, error);
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  std::string to = WithoutLastSlash(arguments.to);
  if (!is_tree) {
    // As cp does: into `to` if that is a folder, else to that name.
    const auto info = Storage(client.get()).GetInfo(to);
    if (info.ok() && info->is_folder) to = JoinPath(to, local.filename().string());
  }
  return WithBar(*client, arguments, is_tree, [&](Transfer& transfer) {
    return is_tree ? PutTree(transfer, local, to) : transfer.Put(local, to);
  });
}

absl::Status Get(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  const std::string from = WithoutLastSlash(arguments.from);
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, Storage(client.get()).GetInfo(from));
  fs::path to = arguments.to;
  std::error_code error;
  if (info.is_folder) {
    to /= KeptName(arguments.from);
  } else if (fs::is_directory(to, error)) {
    to /= LastName(from);
  }
  return WithBar(*client, arguments, info.is_folder, [&](Transfer& transfer) {
    return info.is_folder ? TreeTransfer(&transfer).Get(from, to) : transfer.Get(from, to);
  });
}

}  // namespace

void AddTransferCommands(CLI::App& app, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* put = app.add_subcommand(
      "put",
      "Store a file or a folder; the same command goes on where it was broken off. A file goes "
      "into "
      "PATH if that is a folder, else to that name; a folder always into PATH, FOLDER/ without its "
      "own name");
  put->add_option("local", arguments->from, "What to store")->required();
  put->add_option("path", arguments->to, "Where: a folder, or a name")->required();
  put->add_flag("-q,--quiet", arguments->quiet, "Print errors only");
  put->callback([line, arguments] {
    line->run = [arguments](CommandContext& context) { return Put(context, *arguments); };
  });

  CLI::App* get = app.add_subcommand("get",
                                     "Fetch a file or a folder; the same command goes on where it "
                                     "was broken off. A file goes into "
                                     "LOCAL if that is a folder, else to that name; a folder "
                                     "always into LOCAL, FOLDER/ without its "
                                     "own name");
  get->add_option("path", arguments->from, "What to fetch")->required();
  arguments->to = ".";
  get->add_option("local", arguments->to, "Where to")->capture_default_str();
  get->add_flag("-q,--quiet", arguments->quiet, "Print errors only");
  get->callback([line, arguments] {
    line->run = [arguments](CommandContext& context) { return Get(context, *arguments); };
  });
}

}  // namespace convergia::client
