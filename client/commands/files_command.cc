// ls, mkdir, rm, mv, cat, info, share.

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "client/output/format.h"
#include "client/output/json.h"
#include "client/output/stored_json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

constexpr int kPathsMax = 1'000'000;  // More than a command line holds.

struct Arguments {
  std::string path;
  std::string output = "-";
  std::vector<std::string> paths;
  std::string user;
  std::string permission;
  bool is_long = false;
  bool one_column = false;  // As always.
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

// The output of ls for one path: the entries of a folder; of a file, its entry alone.
struct Listing {
  std::string path;
  bool is_folder = true;
  std::vector<StoredEntry> entries;
};

absl::StatusOr<Listing> ListingOf(Storage& storage, const StoredPath& path, bool all) {
  auto entries = storage.ListFolder(path.path);
  if (!entries.ok() && FailCodeOf(entries.status()) == FailCode::kNotAFolder) {
    CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage, path));
    return Listing{
        path.path, false, {{LastName(path.path), false, info.bytes, info.changed, info.is_part}}};
  }
  CVG_RETURN_IF_ERROR(entries.status());
  if (!all) std::erase_if(*entries, [](const StoredEntry& entry) { return entry.is_part; });
  return Listing{path.path, true, *std::move(entries)};
}

// As ls does with several paths: first the files, by their paths; then each folder below its path.
void PrintListings(const std::vector<Listing>& listings, bool is_long) {
  std::vector<StoredEntry> files;
  for (const Listing& listing : listings) {
    if (listing.is_folder) continue;
    files.push_back(listing.entries.front());
    files.back().name = listing.path;
  }
  PrintEntries(files, is_long);
  bool is_first = files.empty();
  for (const Listing& listing : listings) {
    if (!listing.is_folder) continue;
    std::cout << (std::exchange(is_first, false) ? "" : "\n") << PrintableName(listing.path)
              << ":\n";
    PrintEntries(listing.entries, is_long);
  }
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const std::vector<std::string> paths =
      arguments.paths.empty() ? std::vector<std::string>{"/"} : arguments.paths;
  std::vector<Listing> listings;
  EachOnItsOwn each;
  for (const std::string& text : paths) {
    const StoredPath path = StoredPath::Of(text);
    absl::StatusOr<Listing> listing = ListingOf(storage, path, arguments.all);
    if (listing.ok()) {
      listings.push_back(*std::move(listing));
    } else {
      each.Add(path.path, listing.status());
    }
  }
  if (arguments.json && paths.size() > 1) {
    Json array = Json::array();
    for (const Listing& listing : listings) {
      array.push_back({{"path", listing.path}, {"entries", JsonOf(listing.entries)}});
    }
    Print(array);
  } else if (paths.size() > 1) {
    PrintListings(listings, arguments.is_long);
  } else if (!listings.empty()) {
    arguments.json ? Print(JsonOf(listings.front().entries))
                   : PrintEntries(listings.front().entries, arguments.is_long);
  }
  return each.Result();
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
    absl::Status made =
        arguments.parents ? MakeWithParents(storage, path) : storage.CreateFolder(path);
    if (!made.ok() && !arguments.parents && FailCodeOf(made) == FailCode::kNotFound) {
      made = Fail(FailCode::kNotFound,
                  absl::StrCat(path, ": the folder above does not exist; -p makes it, too"));
    }
    each.Add(path, made);
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

// Moves what one `mv` names. A later one does not replace what an earlier one has brought.
class MoveAll {
 public:
  MoveAll(Storage* storage, StoredPath to, bool keep)
      : storage_(*storage), to_(std::move(to)), keep_(keep) {}

  absl::Status Move(const StoredPath& from) {
    CVG_ASSIGN_OR_RETURN(const std::string place, PlaceOf(from));
    if (place == from.path) {
      return Fail(FailCode::kBadField, absl::StrCat(from.path, " is there already"));
    }
    if (made_.contains(place)) {
      return Fail(FailCode::kBadField,
                  absl::StrCat("will not overwrite just-created ", place, " with ", from.path));
    }
    const absl::Status moved = MoveTo(place, from.path);
    if (moved.ok()) made_.insert(place);
    return moved;
  }

 private:
  absl::StatusOr<std::string> PlaceOf(const StoredPath& from) {
    CVG_RETURN_IF_ERROR(CheckIsFolder(storage_, from));
    absl::StatusOr<std::string> place = PlaceFor(storage_, to_, LastName(from.path));
    if (place.ok() || FailCodeOf(place.status()) != FailCode::kNotFound) return place;
    // "mv FOLDER NEW/": the folder gets the new name.
    CVG_ASSIGN_OR_RETURN(const StoredInfo info, InfoOf(storage_, from));
    return info.is_folder ? to_.path : place;
  }

  absl::Status MoveTo(const std::string& place, const std::string& from) {
    const absl::Status moved = storage_.Move(from, place);
    if (moved.ok() || FailCodeOf(moved) != FailCode::kExists)
      return AboutEither(from, place, moved);
    if (keep_) return About(place, moved);
    const absl::Status replaced = storage_.Move(from, place, /*replace=*/true);
    if (replaced.ok() || FailCodeOf(replaced) != FailCode::kNotAFile) {
      return AboutEither(from, place, replaced);
    }
    return About(place, moved);  // A folder is not replaced, and replaces nothing.
  }

  // MOVE does not say which of its two paths an error is about.
  absl::Status AboutEither(const std::string& from, const std::string& place,
                           const absl::Status& status) {
    if (status.ok()) return status;
    if (FailCodeOf(status) == FailCode::kDenied) {
      return About(absl::StrCat(from, " to ", place), status);
    }
    if (FailCodeOf(status) != FailCode::kNotFound || !storage_.GetInfo(from).ok()) {
      return About(from, status);
    }
    return Fail(FailCode::kNotFound, absl::StrCat("there is no folder ", SplitPath(place).first));
  }

  Storage& storage_;
  const StoredPath to_;
  const bool keep_;
  absl::flat_hash_set<std::string> made_;
};

absl::Status Move(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  StoredPath to = StoredPath::Of(arguments.paths.back());
  const size_t count = arguments.paths.size() - 1;
  if (count > 1) {
    to.is_folder = true;
    CVG_RETURN_IF_ERROR(PlaceFor(storage, to, "").status());
  }
  MoveAll all(&storage, to, arguments.keep);
  EachOnItsOwn each;
  for (size_t i = 0; i < count; ++i) {
    const StoredPath from = StoredPath::Of(arguments.paths[i]);
    each.Add(from.path, all.Move(from));
  }
  return each.Result();
}

// The bytes go to standard output, so only errors are reported.
class CatObserver final : public TransferObserver {
 public:
  void OnTrouble(absl::string_view name, const absl::Status& why) override {
    std::cerr << ErrorLine(About(name, why).message());
  }
  void OnRetry(absl::string_view name, const absl::Status& why) override {
    std::cerr << RetryLine(name, why);
  }
};

absl::Status Cat(CommandContext& context, const Arguments& arguments) {
  if (arguments.paths.size() > 1 && arguments.output != "-") {
    return Fail(FailCode::kBadField, "-o takes one file; write several to standard output");
  }
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  CatObserver observer;
  Transfer transfer(client.get(), TransferOptions(), &observer);
  EachOnItsOwn each;
  for (const std::string& text : arguments.paths) {
    const StoredPath path = StoredPath::Of(text);
    const absl::Status is_file = CheckIsFolder(storage, path);
    each.Add(path.path, is_file.ok() ? transfer.Get(path.path, arguments.output) : is_file);
  }
  return each.Result();
}

absl::Status Info(CommandContext& context, const Arguments& arguments) {
  CVG_RETURN_IF_ERROR(CheckPath(arguments.path));
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
  CVG_RETURN_IF_ERROR(CheckPath(arguments.path));
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  Storage storage(client.get());
  const StoredPath path = StoredPath::Of(arguments.path);
  CVG_RETURN_IF_ERROR(CheckIsFolder(storage, path));
  return About(path.path, storage.SetPermission(path.path, arguments.user, arguments.permission));
}

using Action = absl::Status (*)(CommandContext&, const Arguments&);

Command Add(Command program, CommandLine* line, const std::string& word, const std::string& help,
            const std::shared_ptr<Arguments>& arguments, Action action) {
  Command added = program.AddCommand(word, help);
  added.OnParsed([line, arguments, action] {
    line->run = [arguments, action](CommandContext& context) -> absl::Status {
      for (const std::string& path : arguments->paths) CVG_RETURN_IF_ERROR(CheckPath(path));
      return action(context, *arguments);
    };
  });
  return added;
}

}  // namespace

void AddFilesCommands(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command ls = Add(program, line, "ls", "List folders and files", arguments, &List);
  ls.AddOption("paths", arguments->paths, "The folders or files; without any, /");
  ls.AddFlag("-l,--long", arguments->is_long, "With sizes, and with times in local time");
  ls.AddFlag("-a,--all", arguments->all,
             "With files that are not whole yet, because put is still sending them");

  ls.AddFlag("-1", arguments->one_column, "One name in a line; always so without -l");
  ls.AddFlag("--json", arguments->json, kJsonHelp);

  Command mkdir = Add(program, line, "mkdir", "Make folders", arguments, &MakeFolder);
  mkdir.AddOption("paths", arguments->paths, "The folders").Required();
  mkdir.AddFlag("-p,--parents", arguments->parents,
                "Create missing parents; no error if the folder exists");

  Command rm = Add(program, line, "rm", "Delete files and empty folders", arguments, &Remove);
  rm.AddOption("paths", arguments->paths, "What to delete").Required();
  rm.AddFlag("-r,--recursive", arguments->recursive, "Delete folders with all their content");
  rm.AddFlag("-f,--force", arguments->force, "No error if a path does not exist");

  Command mv =
      Add(program, line, "mv", "Move or rename files and folders. A file replaces an existing file",
          arguments, &Move);
  mv.AddOption("paths", arguments->paths,
               "What to move; the last path is the target: a folder, or a new name")
      .Required()
      .Expects(2, kPathsMax);
  const Option keep =
      mv.AddFlag("-n,--no-clobber", arguments->keep, "Do not replace an existing file");
  mv.AddFlag("-f,--force", arguments->force, "Replace an existing file; always so without -n")
      .Excludes(keep);

  Command cat = Add(program, line, "cat", "Write files to standard output, or one to another file",
                    arguments, &Cat);
  cat.AddOption("paths", arguments->paths, "The files").Required();
  cat.AddOption("-o,--output", arguments->output, "A file to write it to; - is standard output")
      .ShowsDefault();

  Command info =
      Add(program, line, "info", "Show everything about a file or folder. Times are in local time",
          arguments, &Info);
  info.AddOption("path", arguments->path, "The file or folder").Required();
  info.AddFlag("--json", arguments->json, kJsonHelp);

  Command share =
      Add(program, line, "share", "Set the right of a user in a folder", arguments, &Share);
  share.AddOption("path", arguments->path, "The folder").Required();
  share.AddOption("user", arguments->user, "A username; * is everybody without an entry")
      .Required();
  share
      .AddOption("permission", arguments->permission,
                 "The right; inherit: that of the folder above")
      .Required()
      .OneOf({"none", "read", "write", "admin", "inherit"});
}

}  // namespace convergia::client
