// ls, mkdir, rm, mv, cat, info, share.

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/commands/stored_json.h"
#include "client/commands/table.h"
#include "client/commands/text.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

constexpr int kPathsMax = 1'000'000;  // More than a command line holds.

struct Arguments {
  std::string path = "/";
  std::string output = "-";
  std::vector<std::string> paths;
  std::string user;
  std::string permission;
  bool is_long = false;
  bool all = false;
  bool force = false;
  bool keep = false;
  bool recursive = false;
  bool parents = false;
  bool json = false;
};

// Prints entries as ls does: one name in a line, or with sizes and times.
void PrintEntries(const std::vector<StoredEntry>& entries, bool is_long) {
  Table table(is_long ? std::vector<Table::Column>{{"", Table::Align::kRight}, {}, {}, {}}
                      : std::vector<Table::Column>{{}});
  for (const StoredEntry& entry : entries) {
    const std::string name = absl::StrCat(entry.name, entry.is_folder ? "/" : "");
    if (!is_long) {
      table.Add({name});
      continue;
    }
    table.Add({entry.is_folder ? "" : FormatBytes(entry.bytes), FormatLocalTime(entry.changed),
               name, entry.is_part ? "(not whole yet)" : ""});
  }
  Print(table);
}

// The entries of a folder; of a file, its entry alone.
absl::StatusOr<std::vector<StoredEntry>> EntriesOf(Storage& storage, const StoredPath& path,
                                                   bool all) {
  auto entries = storage.ListFolder(path.path);
  if (!entries.ok() && FailCodeOf(entries.status()) == FailCode::kNotAFolder) {
    CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, path));
    return std::vector<StoredEntry>{
        {LastName(path.path), false, info.bytes, info.changed, info.is_part}};
  }
  if (!entries.ok()) return About(path.path, entries.status());
  if (!all) std::erase_if(*entries, [](const StoredEntry& entry) { return entry.is_part; });
  return entries;
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  CVG_ASSIGN_OR_RETURN(const auto entries,
                       EntriesOf(storage, StoredPath::Of(arguments.path), arguments.all));
  if (arguments.json) {
    Print(JsonOf(entries));
  } else {
    PrintEntries(entries, arguments.is_long);
  }
  return absl::OkStatus();
}

// Makes the folder and all missing parents.
absl::Status MakeWithParents(Storage& storage, const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const absl::Status made = storage.CreateFolder(path.substr(0, slash));
    // Other errors show at the next folder of the path.
    if (!made.ok() && MayPassLater(made)) return made;
  }
  const absl::Status made = storage.CreateFolder(path);
  if (made.ok() || FailCodeOf(made) != FailCode::kExists) return made;
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, storage.GetInfo(path));
  return info.is_folder ? absl::OkStatus() : made;
}

absl::Status MakeFolder(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  EachOnItsOwn each;
  for (const std::string& text : arguments.paths) {
    const std::string path = StoredPath::Of(text).path;
    each.Add(path, arguments.parents ? MakeWithParents(storage, path) : storage.CreateFolder(path));
  }
  return each.Result();
}

absl::Status RemoveOne(Storage& storage, const StoredPath& path, const Arguments& arguments) {
  CVG_RETURN_IF_ERROR(CheckIsFolder(storage, path));
  const absl::Status removed = storage.DeleteFile(path.path);
  if (removed.ok() || FailCodeOf(removed) != FailCode::kNotAFile) return removed;
  const absl::Status emptied = storage.DeleteFolder(path.path, arguments.recursive);
  if (emptied.ok() || FailCodeOf(emptied) != FailCode::kNotEmpty) return emptied;
  return Fail(
      FailCode::kNotEmpty,
      absl::StrCat(path.path, " is a folder that is not empty; rm -r deletes it with its content"));
}

absl::Status Remove(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  EachOnItsOwn each;
  for (const std::string& text : arguments.paths) {
    const StoredPath path = StoredPath::Of(text);
    const absl::Status removed = RemoveOne(storage, path, arguments);
    const bool is_gone = !removed.ok() && FailCodeOf(removed) == FailCode::kNotFound;
    if (!is_gone || !arguments.force) each.Add(path.path, removed);
  }
  return each.Result();
}

absl::Status MoveOne(Storage& storage, const StoredPath& from, const StoredPath& to, bool keep) {
  CVG_RETURN_IF_ERROR(CheckIsFolder(storage, from));
  absl::StatusOr<std::string> place = PlaceFor(storage, to, LastName(from.path));
  if (!place.ok() && FailCodeOf(place.status()) == FailCode::kNotFound) {
    // "mv FOLDER NEW/": the folder gets the new name.
    CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, from));
    if (info.is_folder) place = to.path;
  }
  CVG_RETURN_IF_ERROR(place.status());
  if (*place == from.path) {
    return Fail(FailCode::kBadField, absl::StrCat(from.path, " is there already"));
  }
  const absl::Status moved = storage.Move(from.path, *place);
  if (moved.ok() || FailCodeOf(moved) != FailCode::kExists) return About(from.path, moved);
  if (keep) return About(*place, moved);
  const absl::Status replaced = storage.Move(from.path, *place, /*replace=*/true);
  if (replaced.ok() || FailCodeOf(replaced) != FailCode::kNotAFile) {
    return About(from.path, replaced);
  }
  return About(*place, moved);  // A folder is not replaced, and replaces nothing.
}

absl::Status Move(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  StoredPath to = StoredPath::Of(arguments.paths.back());
  const size_t count = arguments.paths.size() - 1;
  if (count > 1) {
    to.is_folder = true;
    CVG_RETURN_IF_ERROR(PlaceFor(storage, to, "").status());
  }
  EachOnItsOwn each;
  for (size_t i = 0; i < count; ++i) {
    const StoredPath from = StoredPath::Of(arguments.paths[i]);
    each.Add(from.path, MoveOne(storage, from, to, arguments.keep));
  }
  return each.Result();
}

// The bytes go to standard output, so only errors are reported.
class CatObserver final : public TransferObserver {
 public:
  void OnTrouble(absl::string_view name, const absl::Status& why) override {
    std::cerr << ErrorLine(About(name, why).message());
  }
};

absl::Status Cat(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath path = StoredPath::Of(arguments.path);
  CVG_RETURN_IF_ERROR(CheckIsFolder(storage, path));
  CatObserver observer;
  return About(
      path.path,
      Transfer(client.get(), TransferOptions(), &observer).Get(path.path, arguments.output));
}

absl::Status Info(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath path = StoredPath::Of(arguments.path);
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, path));
  if (arguments.json) {
    Print(JsonOf(path.path, info));
    return absl::OkStatus();
  }
  Table table({{}, {}});
  for (const std::vector<std::string>& row : info.rows) {
    const std::string value = absl::StrJoin(row.begin() + 1, row.end(), " ");
    int64_t milliseconds = 0;
    const bool is_time =
        (row[0] == "created" || row[0] == "modified") && absl::SimpleAtoi(value, &milliseconds);
    table.Add({row[0], is_time ? FormatLocalTime(absl::FromUnixMillis(milliseconds)) : value});
  }
  Print(table);
  return absl::OkStatus();
}

absl::Status Share(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath path = StoredPath::Of(arguments.path);
  CVG_RETURN_IF_ERROR(CheckIsFolder(storage, path));
  return About(path.path, storage.SetPermission(path.path, arguments.user, arguments.permission));
}

using Command = absl::Status (*)(CommandContext&, const Arguments&);

CLI::App* Add(CLI::App& app, CommandLine* line, const std::string& word, const std::string& help,
              const std::shared_ptr<Arguments>& arguments, Command command) {
  CLI::App* const added = app.add_subcommand(word, help);
  added->callback([line, arguments, command] {
    line->run = [arguments, command](CommandContext& context) -> absl::Status {
      CVG_RETURN_IF_ERROR(CheckPath(arguments->path));
      for (const std::string& path : arguments->paths) CVG_RETURN_IF_ERROR(CheckPath(path));
      return command(context, *arguments);
    };
  });
  return added;
}

}  // namespace

void AddFilesCommands(CLI::App& app, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* ls = Add(app, line, "ls", "List a folder", arguments, &List);
  ls->add_option("path", arguments->path, "The folder")->capture_default_str();
  ls->add_flag("-l,--long", arguments->is_long, "With sizes, and with times in local time");
  ls->add_flag("-a,--all", arguments->all,
               "With files that are not whole yet, because put is still sending them");

  ls->add_flag("--json", arguments->json, kJsonHelp);

  CLI::App* mkdir = Add(app, line, "mkdir", "Make folders", arguments, &MakeFolder);
  mkdir->add_option("paths", arguments->paths, "The folders")->required();
  mkdir->add_flag("-p,--parents", arguments->parents,
                  "Create missing parents; no error if the folder exists");

  CLI::App* rm = Add(app, line, "rm", "Delete files and empty folders", arguments, &Remove);
  rm->add_option("paths", arguments->paths, "What to delete")->required();
  rm->add_flag("-r,--recursive", arguments->recursive, "Delete folders with all their content");
  rm->add_flag("-f,--force", arguments->force, "No error if a path does not exist");

  CLI::App* mv =
      Add(app, line, "mv", "Move or rename files and folders. A file replaces an existing file",
          arguments, &Move);
  mv->add_option("paths", arguments->paths,
                 "What to move; the last path is the target: a folder, or a new name")
      ->required()
      ->expected(2, kPathsMax);
  mv->add_flag("-n,--no-clobber", arguments->keep, "Do not replace an existing file");

  CLI::App* cat =
      Add(app, line, "cat", "Write a file to standard output, or to another file", arguments, &Cat);
  cat->add_option("path", arguments->path, "The file")->required();
  cat->add_option("-o,--output", arguments->output, "A file to write it to; - is standard output")
      ->capture_default_str();

  CLI::App* info =
      Add(app, line, "info", "Show everything about a file or folder. Times are in local time",
          arguments, &Info);
  info->add_option("path", arguments->path, "The file or folder")->required();
  info->add_flag("--json", arguments->json, kJsonHelp);

  CLI::App* share =
      Add(app, line, "share", "Set the right of a user in a folder", arguments, &Share);
  share->add_option("path", arguments->path, "The folder")->required();
  share->add_option("user", arguments->user, "A username; * is everybody without an entry")
      ->required();
  share
      ->add_option("permission", arguments->permission,
                   "The right; inherit: that of the folder above")
      ->required()
      ->check(CLI::IsMember({"none", "read", "write", "admin", "inherit"}));
}

}  // namespace convergia::client
