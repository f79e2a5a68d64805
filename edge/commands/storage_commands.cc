#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"
#include "edge/core/files.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

std::string Text(absl::string_view field) { return std::string(field); }

// A command whose only field is a path.
template <typename Operation>
absl::StatusOr<Operation> ParsePath(Fields fields) {
  return Operation{.path = Text(fields[0])};
}

// DELETEFOLDER path [recursive]
absl::StatusOr<DeleteFolder> ParseDeleteFolder(Fields fields) {
  if (fields.size() > 1 && fields[1] != "recursive") {
    return Fail(FailCode::kBadField, "the second field is `recursive`, or is left out");
  }
  return DeleteFolder{.path = Text(fields[0]), .recursive = fields.size() > 1};
}

// SETPERMISSIONS path, who, right
absl::StatusOr<SetPermissions> ParseSetPermissions(Fields fields) {
  return SetPermissions{Text(fields[0]), Text(fields[1]), Text(fields[2])};
}

// WRITEFILE path, offset, data
absl::StatusOr<WriteFile> ParseWriteFile(Fields fields) {
  CVG_ASSIGN_OR_RETURN(const uint64_t offset, ReadNumber("the offset", fields[1]));
  return WriteFile{Text(fields[0]), offset, Text(fields[2])};
}

// CREATEFILE path [part]
absl::StatusOr<CreateFile> ParseCreateFile(Fields fields) {
  if (fields.size() > 1 && fields[1] != "part") {
    return Fail(FailCode::kBadField, "the second field is `part`, or is left out");
  }
  return CreateFile{.path = Text(fields[0]), .part = fields.size() > 1};
}

// READFILE path, offset, length [version]
absl::StatusOr<ReadFile> ParseReadFile(Fields fields) {
  ReadFile operation{.path = Text(fields[0])};
  CVG_ASSIGN_OR_RETURN(operation.offset, ReadNumber("the offset", fields[1]));
  CVG_ASSIGN_OR_RETURN(operation.length, ReadNumber("the length", fields[2]));
  if (fields.size() == 3) return operation;
  CVG_ASSIGN_OR_RETURN(operation.version, ReadNumber("the version", fields[3]));
  if (operation.version == 0u) {
    return Fail(FailCode::kBadField, "no file has the version 0; give the one that GETINFO tells");
  }
  return operation;
}

// TRUNCATEFILE path, size
absl::StatusOr<TruncateFile> ParseTruncateFile(Fields fields) {
  CVG_ASSIGN_OR_RETURN(const uint64_t bytes, ReadNumber("the size", fields[1]));
  return TruncateFile{Text(fields[0]), bytes};
}

// MOVE from, to [replace]
absl::StatusOr<Move> ParseMove(Fields fields) {
  if (fields.size() > 2 && fields[2] != "replace") {
    return Fail(FailCode::kBadField, "the third field is `replace`, or is left out");
  }
  return Move{.from = Text(fields[0]), .to = Text(fields[1]), .replace = fields.size() > 2};
}

// LISTFOLDER path [after, limit]
absl::StatusOr<ListFolder> ParseListFolder(Fields fields) {
  ListFolder operation{.path = Text(fields[0])};
  if (fields.size() == 1) return operation;
  if (fields.size() != 3) {
    return Fail(FailCode::kBadField, "give a path, or a path, the name to start after and a limit");
  }
  operation.after = Text(fields[1]);
  CVG_ASSIGN_OR_RETURN(operation.limit, ReadLimit(fields[2]));
  return operation;
}

absl::string_view TypeWord(bool is_folder, bool is_part) {
  if (is_folder) return "folder";
  return is_part ? "part" : "file";
}

std::string FolderText(std::vector<FolderEntry>& entries) {
  line::RowWriter rows;
  for (const FolderEntry& entry : entries) {
    rows.Add({entry.name, TypeWord(entry.is_folder, entry.is_part), absl::StrCat(entry.bytes),
              absl::StrCat(absl::ToUnixMillis(entry.changed))});
  }
  return rows.data();
}

std::string InfoText(FileInfo& info) {
  line::RowWriter rows;
  rows.Add({"type", TypeWord(info.is_folder, info.is_part)});
  rows.Add({"bytes", absl::StrCat(info.bytes)});
  rows.Add({"created", absl::StrCat(absl::ToUnixMillis(info.created))});
  rows.Add({"modified", absl::StrCat(absl::ToUnixMillis(info.changed))});
  rows.Add({"owner", info.owner});
  rows.Add({"right", info.right});
  rows.Add({"id", absl::StrCat(info.id)});
  if (!info.is_folder) rows.Add({"version", absl::StrCat(info.version)});
  if (!info.hash.empty()) rows.Add({"hash", absl::BytesToHexString(info.hash)});
  for (const PermissionEntry& entry : info.permissions) {
    rows.Add({"permission", entry.who, entry.right});
  }
  if (info.inherited.has_value()) {
    const auto& [entry, folder] = *info.inherited;
    rows.Add({"inherited", entry.who, entry.right, folder});
  }
  for (const VolumeInfo& volume : info.volumes) {
    rows.Add({"volume", absl::StrCat(volume.volume),
              volume.is_volatile ? "volatile" : "nonvolatile", absl::StrCat(volume.copies_wanted),
              absl::StrJoin(volume.servers_online, ","),
              absl::StrJoin(volume.servers_offline, ",")});
  }
  return rows.data();
}

}  // namespace

std::vector<CommandSpec> MakeStorageCommands(DataCore* data) {
  // clang-format off
  return {
      {"CREATEFILE", 1, 2, Access::kSignedIn, RunData(data, ParseCreateFile, NoText),
       "path [LF part]: make an empty file; a part is not whole yet", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"CREATEFOLDER", 1, 1, Access::kSignedIn, RunData(data, ParsePath<CreateFolder>, NoText),
       "path: make a folder", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEFILE", 1, 1, Access::kSignedIn, RunData(data, ParsePath<DeleteFile>, NoText),
       "path: delete a file", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEFOLDER", 1, 2, Access::kSignedIn, RunData(data, ParseDeleteFolder, NoText),
       "path [LF recursive]: delete a folder that is empty, or with all that is in it",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"GETINFO", 1, 1, Access::kSignedIn, RunData(data, ParsePath<GetInfo>, InfoText),
       "path: what is known of a file or folder"},
      {"LISTFOLDER", 1, 3, Access::kSignedIn, RunData(data, ParseListFolder, FolderText),
       "path [LF after LF limit]: what is in a folder"},
      {"MOVE", 2, 3, Access::kSignedIn, RunData(data, ParseMove, NoText),
       "path LF new path [LF replace]: move or rename a file or folder",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"READFILE", 3, 4, Access::kSignedIn, RunData(data, ParseReadFile, BytesText),
       "path LF offset LF length [LF version]: bytes of a file"},
      {"SETPERMISSIONS", 3, 3, Access::kSignedIn, RunData(data, ParseSetPermissions, NoText),
       "path LF user or * LF none|read|write|admin|inherit: say who may do what in a folder",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"TRUNCATEFILE", 2, 2, Access::kSignedIn, RunData(data, ParseTruncateFile, NoText),
       "path LF size: cut a file to that size", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"WRITEFILE", 3, 3, Access::kSignedIn, RunData(data, ParseWriteFile, NumberText),
       "path LF offset LF data: write bytes into a file; answers its size",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
