// put and get.

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/disk/created_names.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "client/files/tree_transfer.h"
#include "client/output/format.h"
#include "client/terminal/progress_bar.h"
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
  bool recursive = false;  // As with cp; folders are copied whole with or without it.
  bool follow_links = false;
};

constexpr char kPutHelp[] =
    "A file goes into PATH if that is a folder; else PATH is its new name. A folder goes\n"
    "into PATH; FOLDER/ stores its content only. Several go into the folder PATH.\n"
    "PATH/ is always a folder that exists. LOCAL - is standard input.\n"
    "After an interruption, repeat the command to continue. Files with the same content\n"
    "on both sides are skipped. A file that changes while it is read is left out; pipe it\n"
    "into `put - PATH` to store what is there. Two files of one command never get the same\n"
    "name: the second is left out. So are symbolic links in folders, unless -L follows them.\n"
    "Owners, modes (rwx) and times of local files are not stored.";
constexpr char kGetHelp[] =
    "A file goes into LOCAL if that is a folder; else LOCAL is its new name. A folder goes\n"
    "into LOCAL; FOLDER/ fetches its content only. Several go into the folder LOCAL.\n"
    "LOCAL/ is always a folder that exists, - is standard output. Without LOCAL it is the\n"
    "current folder.\n"
    "After an interruption, repeat the command to continue: until then a large file leaves a\n"
    "hidden part, .convergia-*.part, which put does not store. Files with the same content\n"
    "on both sides are skipped. Two files of one command never get the same name: the\n"
    "second is left out.\n"
    "A file that is there is replaced in one step: hard links to it keep the old content.\n"
    "A new file gets the mode of any new file, and the time of the stored one. A file\n"
    "that is there keeps its owner and mode.";
constexpr char kRecursiveHelp[] = "Copy folders whole; they are copied so without it, too";

constexpr char kStandardInput[] = "-", kStandardOutput[] = "-";
constexpr int kPathsMax = 1'000'000;  // More than a command line holds.

// The course of one command.
struct Tally {
  uint64_t failed = 0;    // Files that were left out.
  bool is_begun = false;  // Something was to be copied; before, there is no sum to print.
};

// Prints the sum of what was done in one line.
void PrintSum(const ProgressBar& bar, uint64_t failed) {
  std::cout << bar.files_moved() << (bar.files_moved() == 1 ? " file copied" : " files copied");
  if (failed > 0) std::cout << ", " << failed << " left out";
  if (bar.files_left() > 0) std::cout << ", " << bar.files_left() << " already there";
  std::cout << ", " << FormatBytes(bar.bytes()) << std::endl;
}

// Runs `copy` with a progress bar, and prints the sum.
absl::Status WithBar(const CommandContext& context, BlockingClient& client,
                     const Arguments& arguments, bool is_tree,
                     const std::function<absl::Status(Transfer&, Tally*)>& copy) {
  ProgressBar bar(&std::cerr, &RealClock::Get(), is_tree,
                  arguments.quiet ? 0 : TerminalColumns(STDERR_FILENO));
  TransferOptions options;
  options.cluster = context.ca_fingerprint();
  Transfer transfer(&client, options, &bar);
  Tally tally;
  const absl::Status status = copy(transfer, &tally);
  bar.End();
  const bool has_sum = status.ok() || (is_tree && tally.is_begun);
  if (!arguments.quiet && has_sum) PrintSum(bar, tally.failed);
  return status;
}

// Several sources of one command, each independent of the others: counts the failures, reports each
// at once, and keeps the code of the first.
class Several {
 public:
  Several(Transfer* transfer, Tally* tally) : transfer_(*transfer), tally_(*tally) {
    tally->is_begun = true;
  }

  // Copies one file by `copy`, unless an earlier source has got the name `created`.
  void AddFile(const std::string& from, const std::string& created,
               const std::function<absl::Status()>& copy) {
    absl::Status status = created_.Check(created);
    if (status.ok()) status = copy();
    if (status.ok()) created_.Add(created);
    AddError(from, status);
  }
  void AddError(const std::string& from, const absl::Status& status) {
    if (status.ok()) return;
    ++tally_.failed;
    Tell(from, status);
  }
  // The tree has counted its failures in the tally, and reported all but the one that ended it.
  void AddTree(const std::string& from, const absl::Status& status) {
    if (!status.ok()) Tell(from, status);
  }
  CreatedNames* created() { return &created_; }
  // True if each further source would fail as the last one did.
  bool ended() const { return ended_; }
  // Without a text, since each was reported.
  absl::Status Result() const { return first_; }

 private:
  void Tell(const std::string& name, const absl::Status& status) {
    transfer_.observer().OnTrouble(name, status);
    if (first_.ok()) first_ = Fail(FailCodeOf(status), "");
    ended_ = ended_ || EndsAllTransfers(status);
  }

  Transfer& transfer_;
  Tally& tally_;
  CreatedNames created_;
  absl::Status first_;
  bool ended_ = false;
};

// Each path once, in the order of the first.
std::vector<std::string> EachOnce(const std::vector<std::string>& paths) {
  std::vector<std::string> once;
  absl::flat_hash_set<std::string> seen;
  for (const std::string& path : paths) {
    if (seen.insert(path).second) once.push_back(path);
  }
  return once;
}

// The name that a folder keeps at the target; empty for "FOLDER/", whose content goes there without
// it. It does not depend on what exists, or else a repeated command would use another path.
std::string KeptName(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name == "." || name == ".." ? "" : name;
}

absl::Status PutTree(Transfer& transfer, const fs::path& local, std::string to,
                     const TreeOptions& options, Tally* tally) {
  const std::string name = KeptName(local.string());
  if (!name.empty()) {
    const absl::Status made = transfer.Persist(to, [&] {
      const absl::Status made = transfer.storage().CreateFolder(to);
      return !made.ok() && FailCodeOf(made) == FailCode::kExists ? absl::OkStatus() : made;
    });
    if (!made.ok()) return About(to, made);
    to = JoinPath(to, name);
  }
  tally->is_begun = true;
  TreeTransfer tree(&transfer, options);
  const absl::Status status = tree.Put(local, to);
  tally->failed += tree.failed();
  return status;
}

// The error of a put whose source is there: if something is not found, it is the target's folder.
absl::Status AboutTarget(const std::string& to, const absl::Status& status) {
  if (status.ok() || FailCodeOf(status) != FailCode::kNotFound) return About(to, status);
  return Fail(FailCode::kNotFound, absl::StrCat("there is no folder ", SplitPath(to).first));
}

absl::Status PutStandardInput(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath to = StoredPath::Of(arguments.to);
  const auto info = InfoOf(storage, to);
  if (info.ok() && info->is_folder) {
    return Fail(FailCode::kNotAFile, absl::StrCat(to.path, " is a folder; name the file in it"));
  }
  // With a slash at its end it must be a folder.
  if (to.is_folder) CVG_RETURN_IF_ERROR(PlaceFor(storage, to, "").status());
  return WithBar(context, *client, arguments, false, [&](Transfer& transfer, Tally*) {
    return AboutTarget(to.path, transfer.PutStream(STDIN_FILENO, to.path));
  });
}

// Each goes into the folder `to`, also if others fail; but an error that all would meet ends it.
absl::Status PutSeveral(CommandContext& context, const Arguments& arguments) {
  if (absl::c_linear_search(arguments.from, kStandardInput)) {
    return Fail(FailCode::kBadField,
                "- stands alone: `convergia put - PATH` stores standard input");
  }
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  StoredPath to = StoredPath::Of(arguments.to);
  to.is_folder = true;
  CVG_RETURN_IF_ERROR(PlaceFor(storage, to, "").status());
  return WithBar(context, *client, arguments, true, [&](Transfer& transfer, Tally* tally) {
    Several several(&transfer, tally);
    const TreeOptions options = {arguments.follow_links, several.created()};
    for (const std::string& from : EachOnce(arguments.from)) {
      if (several.ended()) break;
      const fs::path local = fs::path(from).lexically_normal();
      const std::string name = local.filename().string();
      std::error_code error;
      if (const absl::Status valid = CheckPath(from); !valid.ok()) {
        several.AddError(from, valid);
      } else if (fs::is_directory(local, error)) {
        several.AddTree(from, PutTree(transfer, local, to.path, options, tally));
      } else {
        const std::string stored = JoinPath(to.path, name);
        several.AddFile(from, stored, [&] { return transfer.Put(local, stored); });
      }
    }
    return several.Result();
  });
}

// Errors: if `to` is a file, or a folder that was typed with a slash and does not exist.
absl::Status CheckTakesFolder(Storage& storage, const StoredPath& to) {
  if (to.is_folder) return PlaceFor(storage, to, "").status();
  const auto info = InfoOf(storage, to);
  if (!info.ok() || info->is_folder) return absl::OkStatus();
  return Fail(FailCode::kNotAFolder, absl::StrCat(to.path, " is a file, not a folder"));
}

absl::Status Put(CommandContext& context, const Arguments& arguments) {
  CVG_RETURN_IF_ERROR(CheckPath(arguments.to));
  if (arguments.from.size() > 1) return PutSeveral(context, arguments);
  const std::string& from = arguments.from.front();
  // Its last name becomes that of the stored file.
  CVG_RETURN_IF_ERROR(CheckPath(from));
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
  if (is_tree) {
    CVG_RETURN_IF_ERROR(CheckTakesFolder(storage, path));
  } else {
    CVG_ASSIGN_OR_RETURN(to, PlaceFor(storage, path, local.filename().string()));
  }
  return WithBar(context, *client, arguments, is_tree, [&](Transfer& transfer, Tally* tally) {
    const TreeOptions options = {arguments.follow_links};
    return is_tree ? PutTree(transfer, local, to, options, tally)
                   : AboutTarget(to, transfer.Put(local, to));
  });
}

absl::Status NoLocalFolder(const std::string& path) {
  return Fail(FailCode::kNotFound, absl::StrCat("there is no folder ", path));
}

// The path of a single file on this machine, as with cp.
absl::StatusOr<std::string> LocalPlaceFor(const std::string& to, const std::string& name) {
  std::error_code error;
  if (fs::is_directory(to, error)) return (fs::path(to) / name).string();
  if (!absl::EndsWith(to, "/")) return to;
  return NoLocalFolder(to);
}

absl::Status GetTree(Transfer& transfer, const std::string& from, const std::string& to,
                     const TreeOptions& options, Tally* tally) {
  tally->is_begun = true;
  TreeTransfer tree(&transfer, options);
  const absl::Status status = tree.Get(StoredPath::Of(from).path, fs::path(to) / KeptName(from));
  tally->failed += tree.failed();
  return status;
}

// Each goes into the folder `to`, as with PutSeveral().
absl::Status GetSeveral(CommandContext& context, const Arguments& arguments) {
  if (arguments.to == kStandardOutput) {
    return Fail(FailCode::kBadField, "- stands alone: only one file can go to standard output");
  }
  std::error_code error;
  if (!fs::is_directory(arguments.to, error)) return NoLocalFolder(arguments.to);
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  return WithBar(context, *client, arguments, true, [&](Transfer& transfer, Tally* tally) {
    Several several(&transfer, tally);
    const TreeOptions options = {.created = several.created()};
    for (const std::string& from : EachOnce(arguments.from)) {
      if (several.ended()) break;
      if (const absl::Status valid = CheckPath(from); !valid.ok()) {
        several.AddError(from, valid);
        continue;
      }
      const StoredPath path = StoredPath::Of(from);
      const auto info = InfoOf(transfer.storage(), path);
      if (!info.ok()) {
        several.AddError(from, info.status());
      } else if (info->is_folder) {
        several.AddTree(from, GetTree(transfer, from, arguments.to, options, tally));
      } else {
        const std::string to = (fs::path(arguments.to) / LastName(path.path)).string();
        several.AddFile(from, NameBehindLinks(to), [&] { return transfer.Get(path.path, to); });
      }
    }
    return several.Result();
  });
}

absl::Status Get(CommandContext& context, const Arguments& arguments) {
  if (arguments.to.empty()) return CheckPath(arguments.to);
  if (arguments.from.size() > 1) return GetSeveral(context, arguments);
  CVG_RETURN_IF_ERROR(CheckPath(arguments.from.front()));
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath from = StoredPath::Of(arguments.from.front());
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, from));
  if (!info.is_folder) {
    CVG_ASSIGN_OR_RETURN(const std::string to, LocalPlaceFor(arguments.to, LastName(from.path)));
    Arguments one = arguments;
    // The sum must not mix with the bytes of the file, which another program may read.
    const auto target = LocalTarget::Find(to);
    one.quiet = one.quiet || (target.ok() && target->is_stream());
    return WithBar(context, *client, one, false, [&](Transfer& transfer, Tally*) {
      return About(from.path, transfer.Get(from.path, to));
    });
  }
  if (arguments.to == kStandardOutput) {
    return Fail(FailCode::kNotAFile,
                absl::StrCat(from.path, " is a folder; only a file can go to standard output"));
  }
  std::error_code error;
  if (absl::EndsWith(arguments.to, "/") && !fs::is_directory(arguments.to, error)) {
    return NoLocalFolder(arguments.to);
  }
  return WithBar(context, *client, arguments, true, [&](Transfer& transfer, Tally* tally) {
    return GetTree(transfer, arguments.from.front(), arguments.to, {}, tally);
  });
}

}  // namespace

void AddTransferCommands(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command put = program.AddCommand("put", "Store files and folders");
  put.SetFooter(kPutHelp);
  put.AddOption("paths", arguments->paths, "LOCAL... PATH: what to store, and last the target")
      .Required()
      .Expects(2, kPathsMax);
  put.AddFlag("-q,--quiet", arguments->quiet, "Print errors only");
  put.AddFlag("-r,--recursive", arguments->recursive, kRecursiveHelp);
  put.AddFlag("-L,--dereference", arguments->follow_links,
              "Follow symbolic links in folders; without it they are left out");
  put.OnParsed([line, arguments] {
    arguments->to = arguments->paths.back();
    arguments->from.assign(arguments->paths.begin(), arguments->paths.end() - 1);
    line->options.stdin_is_taken = arguments->from.front() == kStandardInput;
    line->run = [arguments](CommandContext& context) { return Put(context, *arguments); };
  });

  Command get = program.AddCommand("get", "Fetch files and folders");
  get.SetFooter(kGetHelp);
  get.AddOption("paths", arguments->paths,
                "PATH [LOCAL], or PATH... LOCAL: what to fetch, and last the target")
      .Required()
      .Expects(1, kPathsMax);
  get.AddFlag("-q,--quiet", arguments->quiet, "Print errors only");
  get.AddFlag("-r,--recursive", arguments->recursive, kRecursiveHelp);
  get.OnParsed([line, arguments] {
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
