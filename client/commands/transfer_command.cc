// put and get.

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
  std::vector<std::string> paths;  // As typed.
  std::vector<std::string> from;
  std::string to;
  bool quiet = false;
};

constexpr char kPutHelp[] =
    "A file goes into PATH if that is a folder; else PATH is its new name. A folder goes\n"
    "into PATH; FOLDER/ stores its content only. Several go into the folder PATH.\n"
    "PATH/ is always a folder. LOCAL - is standard input.\n"
    "After an interruption, repeat the command to continue. Files with the same content\n"
    "on both sides are skipped.";
constexpr char kGetHelp[] =
    "A file goes into LOCAL if that is a folder; else LOCAL is its new name. A folder goes\n"
    "into LOCAL; FOLDER/ fetches its content only. Several go into the folder LOCAL.\n"
    "LOCAL/ is always a folder, - is standard output. Without LOCAL it is the current folder.\n"
    "After an interruption, repeat the command to continue. Files with the same content\n"
    "on both sides are skipped.";

constexpr char kStandardInput[] = "-";
constexpr int kPathsMax = 1'000'000;  // More than a command line holds.

// Prints the sum of what was done in one line.
void PrintSum(const ProgressBar& bar, uint64_t failed) {
  std::cout << bar.files_moved() << (bar.files_moved() == 1 ? " file moved" : " files moved");
  if (failed > 0) std::cout << ", " << failed << " left out";
  if (bar.files_left() > 0) std::cout << ", " << bar.files_left() << " already there";
  std::cout << ", " << FormatBytes(bar.bytes()) << std::endl;
}

// Runs `move` with a progress bar, and prints the sum.
absl::Status WithBar(BlockingClient& client, const Arguments& arguments, bool is_tree,
                     const std::function<absl::Status(Transfer&, uint64_t* failed)>& move) {
  ProgressBar bar(&std::cerr, &RealClock::Get(), is_tree,
                  arguments.quiet ? 0 : TerminalColumns(STDERR_FILENO));
  Transfer transfer(&client, TransferOptions(), &bar);
  uint64_t failed = 0;
  const absl::Status status = move(transfer, &failed);
  bar.End();
  if (!arguments.quiet && (status.ok() || is_tree)) PrintSum(bar, failed);
  return status;
}

// Counts the failures of several transfers, reports each at once, and keeps the code of the first.
class FirstFailure {
 public:
  FirstFailure(Transfer* transfer, uint64_t* failed) : transfer_(*transfer), failed_(*failed) {}

  void Add(const std::string& name, const absl::Status& status) {
    if (status.ok()) return;
    ++failed_;
    Tell(name, status);
  }
  // The tree has counted its failures and reported all but the one that ended it.
  void AddTree(const std::string& name, const absl::Status& status, uint64_t failed) {
    failed_ += failed;
    if (!status.ok()) Tell(name, status);
  }
  // Without a text, since each was reported.
  absl::Status Result() const { return first_; }

 private:
  void Tell(const std::string& name, const absl::Status& status) {
    transfer_.observer().OnTrouble(name, status);
    if (first_.ok()) first_ = Fail(FailCodeOf(status), "");
  }

  Transfer& transfer_;
  uint64_t& failed_;
  absl::Status first_;
};

// The name that a folder keeps at the target; empty for "FOLDER/", whose content goes there without
// it. It does not depend on what exists, or else a repeated command would use another path.
std::string KeptName(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name == "." || name == ".." ? "" : name;
}

absl::Status PutTree(Transfer& transfer, const fs::path& local, std::string to, uint64_t* failed) {
  const std::string name = KeptName(local.string());
  if (!name.empty()) {
    const absl::Status made = transfer.Persist(to, [&] {
      const absl::Status made = transfer.storage().CreateFolder(to);
      return !made.ok() && FailCodeOf(made) == FailCode::kExists ? absl::OkStatus() : made;
    });
    if (!made.ok()) return About(to, made);
    to = JoinPath(to, name);
  }
  TreeTransfer tree(&transfer);
  const absl::Status status = tree.Put(local, to);
  *failed = tree.failed();
  return status;
}

absl::Status PutStandardInput(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath to = StoredPath::Of(arguments.to);
  const auto info = InfoOf(storage, to);
  if (to.is_folder || (info.ok() && info->is_folder)) {
    return Fail(FailCode::kNotAFile, absl::StrCat(to.path, " is a folder; name the file in it"));
  }
  return WithBar(*client, arguments, false, [&](Transfer& transfer, uint64_t*) {
    return About(to.path, transfer.PutStream(STDIN_FILENO, to.path));
  });
}

// Each goes into the folder `to`, also if others fail.
absl::Status PutSeveral(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  StoredPath to = StoredPath::Of(arguments.to);
  to.is_folder = true;
  CVG_RETURN_IF_ERROR(PlaceFor(storage, to, "").status());
  return WithBar(*client, arguments, true, [&](Transfer& transfer, uint64_t* failed) {
    FirstFailure failure(&transfer, failed);
    for (const std::string& from : arguments.from) {
      const fs::path local = fs::path(from).lexically_normal();
      std::error_code error;
      if (fs::is_directory(local, error)) {
        uint64_t in_tree = 0;
        failure.AddTree(from, PutTree(transfer, local, to.path, &in_tree), in_tree);
      } else {
        failure.Add(from, transfer.Put(local, JoinPath(to.path, local.filename().string())));
      }
    }
    return failure.Result();
  });
}

absl::Status Put(CommandContext& context, const Arguments& arguments) {
  CVG_RETURN_IF_ERROR(CheckPath(arguments.to));
  for (const std::string& from : arguments.from) {
    // It gives the stored file its name.
    CVG_RETURN_IF_ERROR(CheckPath(fs::path(from).filename().string()));
  }
  if (arguments.from.size() > 1) return PutSeveral(context, arguments);
  const std::string& from = arguments.from.front();
  if (from == kStandardInput) return PutStandardInput(context, arguments);
  const fs::path local = fs::path(from).lexically_normal();
  std::error_code error;
  const bool is_tree = fs::is_directory(local, error);
  // Checked before the question for a password.
  if (!is_tree) CVG_RETURN_IF_ERROR(OpenRegular(local).status());
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath path = StoredPath::Of(arguments.to);
  std::string to = path.path;
  if (!is_tree) {
    CVG_ASSIGN_OR_RETURN(to, PlaceFor(storage, path, local.filename().string()));
  }
  return WithBar(*client, arguments, is_tree, [&](Transfer& transfer, uint64_t* failed) {
    return is_tree ? PutTree(transfer, local, to, failed) : About(to, transfer.Put(local, to));
  });
}

// The path of a single file on this machine, as with cp.
absl::StatusOr<std::string> LocalPlaceFor(const std::string& to, const std::string& name) {
  std::error_code error;
  if (fs::is_directory(to, error)) return (fs::path(to) / name).string();
  if (!absl::EndsWith(to, "/")) return to;
  return Fail(FailCode::kNotFound, absl::StrCat("there is no folder ", to));
}

absl::Status GetTree(Transfer& transfer, const std::string& from, const std::string& to,
                     uint64_t* failed) {
  TreeTransfer tree(&transfer);
  const absl::Status status = tree.Get(StoredPath::Of(from).path, fs::path(to) / KeptName(from));
  *failed = tree.failed();
  return status;
}

// Each goes into the folder `to`, also if others fail.
absl::Status GetSeveral(CommandContext& context, const Arguments& arguments) {
  std::error_code error;
  if (!fs::is_directory(arguments.to, error)) {
    return Fail(FailCode::kNotFound, absl::StrCat("there is no folder ", arguments.to));
  }
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  return WithBar(*client, arguments, true, [&](Transfer& transfer, uint64_t* failed) {
    FirstFailure failure(&transfer, failed);
    for (const std::string& from : arguments.from) {
      const StoredPath path = StoredPath::Of(from);
      const auto info = InfoOf(transfer.storage(), path);
      uint64_t in_tree = 0;
      if (!info.ok()) {
        failure.Add(from, info.status());
      } else if (info->is_folder) {
        failure.AddTree(from, GetTree(transfer, from, arguments.to, &in_tree), in_tree);
      } else {
        const fs::path to = fs::path(arguments.to) / LastName(path.path);
        failure.Add(from, transfer.Get(path.path, to.string()));
      }
    }
    return failure.Result();
  });
}

absl::Status Get(CommandContext& context, const Arguments& arguments) {
  for (const std::string& from : arguments.from) CVG_RETURN_IF_ERROR(CheckPath(from));
  if (arguments.from.size() > 1) return GetSeveral(context, arguments);
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath from = StoredPath::Of(arguments.from.front());
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, from));
  if (!info.is_folder) {
    CVG_ASSIGN_OR_RETURN(const std::string to, LocalPlaceFor(arguments.to, LastName(from.path)));
    Arguments one = arguments;
    // The sum must not mix with the bytes of the file.
    const auto target = LocalTarget::Find(to);
    one.quiet = one.quiet || (target.ok() && target->stream >= 0);
    return WithBar(*client, one, false, [&](Transfer& transfer, uint64_t*) {
      return About(from.path, transfer.Get(from.path, to));
    });
  }
  if (arguments.to == kStandardInput) {
    return Fail(FailCode::kNotAFile,
                absl::StrCat(from.path, " is a folder; only a file can go to standard output"));
  }
  return WithBar(*client, arguments, true, [&](Transfer& transfer, uint64_t* failed) {
    return GetTree(transfer, arguments.from.front(), arguments.to, failed);
  });
}

}  // namespace

void AddTransferCommands(CLI::App& app, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* put = app.add_subcommand("put", "Store files and folders");
  put->footer(kPutHelp);
  put->add_option("paths", arguments->paths, "LOCAL... PATH: what to store, and last the target")
      ->required()
      ->expected(2, kPathsMax);
  put->add_flag("-q,--quiet", arguments->quiet, "Print errors only");
  put->callback([line, arguments] {
    arguments->to = arguments->paths.back();
    arguments->from.assign(arguments->paths.begin(), arguments->paths.end() - 1);
    line->options.stdin_is_taken = arguments->from.front() == kStandardInput;
    line->run = [arguments](CommandContext& context) { return Put(context, *arguments); };
  });

  CLI::App* get = app.add_subcommand("get", "Fetch files and folders");
  get->footer(kGetHelp);
  get->add_option("paths", arguments->paths,
                  "PATH [LOCAL], or PATH... LOCAL: what to fetch, and last the target")
      ->required()
      ->expected(1, kPathsMax);
  get->add_flag("-q,--quiet", arguments->quiet, "Print errors only");
  get->callback([line, arguments] {
    arguments->to = ".";
    if (arguments->paths.size() > 1) {
      arguments->to = arguments->paths.back();
      arguments->paths.pop_back();
    }
    arguments->from = arguments->paths;
    line->run = [arguments](CommandContext& context) { return Get(context, *arguments); };
  });
}

}  // namespace convergia::client
