// ls, mkdir, rm, mv, cat, share, info.

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/commands/text.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

struct Arguments {
  std::string path = "/";
  std::string to;
  std::vector<std::string> paths;
  std::string user;
  std::string permission;
  bool is_long = false;
  bool recursive = false;
  bool parents = false;
};

void PrintEntry(const StoredEntry& entry, bool is_long) {
  const std::string name = absl::StrCat(Printable(entry.name), entry.is_folder ? "/" : "");
  if (!is_long) {
    std::cout << name << "\n";
    return;
  }
  std::cout << absl::StrFormat("%10s  %s  %s\n", entry.is_folder ? "" : FormatBytes(entry.bytes),
                               FormatLocalTime(entry.changed), name);
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  auto entries = storage.ListFolder(arguments.path);
  if (!entries.ok() && FailCodeOf(entries.status()) == FailCode::kNotAFolder) {
    CVG_ASSIGN_OR_RETURN(const StoredInfo info, storage.GetInfo(arguments.path));
    entries = {{LastName(arguments.path), false, info.bytes, info.changed}};
  }
  CVG_RETURN_IF_ERROR(entries.status());
  for (const StoredEntry& entry : *entries) PrintEntry(entry, arguments.is_long);
  std::cout.flush();
  return absl::OkStatus();
}

// All folders on the way that are not there yet.
absl::Status MakeWithParents(Storage& storage, const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const absl::Status made = storage.CreateFolder(path.substr(0, slash));
    // Whether it is not there or may not be made shows at the next one.
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
  for (const std::string& path : arguments.paths) {
    CVG_RETURN_IF_ERROR(arguments.parents ? MakeWithParents(storage, path)
                                          : storage.CreateFolder(path));
  }
  return absl::OkStatus();
}

absl::Status Remove(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  for (const std::string& path : arguments.paths) {
    absl::Status removed = storage.DeleteFile(path);
    if (!removed.ok() && FailCodeOf(removed) == FailCode::kNotAFile) {
      removed = storage.DeleteFolder(path, arguments.recursive);
    }
    CVG_RETURN_IF_ERROR(removed);
  }
  return absl::OkStatus();
}

// As mv does: into `to` if that is a folder, else to that name.
absl::Status Move(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  std::string to = arguments.to;
  const auto info = storage.GetInfo(to);
  if (info.ok() && info->is_folder) to = JoinPath(to, LastName(arguments.path));
  return storage.Move(arguments.path, to);
}

absl::Status Cat(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  for (uint64_t offset = 0;;) {
    CVG_ASSIGN_OR_RETURN(const std::string piece,
                         storage.Read(arguments.path, offset, kPieceBytesMax));
    std::cout.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush();
    if (!std::cout) return Fail(FailCode::kInternal, "cannot write to standard output");
    if (piece.empty()) return absl::OkStatus();
    offset += piece.size();
  }
}

absl::Status Info(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  CVG_ASSIGN_OR_RETURN(const StoredInfo info, Storage(client.get()).GetInfo(arguments.path));
  std::vector<std::vector<std::string>> rows = {{"WHAT", "VALUE"}};
  for (const auto& [key, value] : info.rows) {
    int64_t milliseconds = 0;
    const bool is_time =
        (key == "created" || key == "modified") && absl::SimpleAtoi(value, &milliseconds);
    rows.push_back({key, is_time ? FormatLocalTime(absl::FromUnixMillis(milliseconds)) : value});
  }
  std::cout << FormatTable(rows) << std::flush;
  return absl::OkStatus();
}

absl::Status Share(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  return Storage(client.get()).SetPermission(arguments.path, arguments.user, arguments.permission);
}

using Command = absl::Status (*)(CommandContext&, const Arguments&);

CLI::App* Add(CLI::App& app, CommandLine* line, const std::string& word, const std::string& help,
              const std::shared_ptr<Arguments>& arguments, Command command) {
  CLI::App* const added = app.add_subcommand(word, help);
  added->callback([line, arguments, command] {
    line->run = [arguments, command](CommandContext& context) {
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
  ls->add_flag("-l,--long", arguments->is_long, "Sizes and times too");

  CLI::App* mkdir = Add(app, line, "mkdir", "Make folders", arguments, &MakeFolder);
  mkdir->add_option("paths", arguments->paths, "The folders")->required();
  mkdir->add_flag("-p,--parents", arguments->parents,
                  "Create missing parents; no error if the folder exists");

  CLI::App* rm = Add(app, line, "rm", "Delete files and empty folders", arguments, &Remove);
  rm->add_option("paths", arguments->paths, "What to delete")->required();
  rm->add_flag("-r,--recursive", arguments->recursive, "Folders with all that is in them");

  CLI::App* mv = Add(app, line, "mv", "Move or rename a file or folder", arguments, &Move);
  mv->add_option("from", arguments->path, "What to move")->required();
  mv->add_option("to", arguments->to, "Where to: a folder, or a new name")->required();

  CLI::App* cat = Add(app, line, "cat", "Write a file to standard output", arguments, &Cat);
  cat->add_option("path", arguments->path, "The file")->required();

  CLI::App* info =
      Add(app, line, "info", "Show all there is to know of a file or folder", arguments, &Info);
  info->add_option("path", arguments->path, "The file or folder")->required();

  CLI::App* share = Add(app, line, "share", "Say who may do what in a folder", arguments, &Share);
  share->add_option("path", arguments->path, "The folder")->required();
  share->add_option("user", arguments->user, "Who; * is everybody else")->required();
  share->add_option("permission", arguments->permission, "What")
      ->required()
      ->check(CLI::IsMember({"none", "read", "write", "admin"}));
}

}  // namespace convergia::client
