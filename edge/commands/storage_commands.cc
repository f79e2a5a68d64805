#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "edge/commands/data_commands.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;

namespace {

std::string Text(absl::string_view field) { return std::string(field); }

// DELETEFOLDER path [recursive]
absl::Status ParseDeleteFolder(Fields fields, v1::DataRequest* request) {
  request->mutable_delete_folder()->set_path(Text(fields[0]));
  if (fields.size() == 1) return absl::OkStatus();
  if (fields[1] != "recursive") {
    return Fail(FailCode::kBadField, "the second field is `recursive`, or is left out");
  }
  request->mutable_delete_folder()->set_recursive(true);
  return absl::OkStatus();
}

// SETPERMISSIONS path, who, right
absl::Status ParseSetPermissions(Fields fields, v1::DataRequest* request) {
  v1::SetPermissionsOp* op = request->mutable_set_permissions();
  op->set_path(Text(fields[0]));
  op->set_who(Text(fields[1]));
  op->set_right(Text(fields[2]));
  return absl::OkStatus();
}

// WRITEFILE path, offset, data
absl::Status ParseWriteFile(Fields fields, v1::DataRequest* request) {
  v1::WriteFileOp* op = request->mutable_write_file();
  CVG_ASSIGN_OR_RETURN(const uint64_t offset, ReadNumber("the offset", fields[1]));
  op->set_path(Text(fields[0]));
  op->set_offset(offset);
  op->set_data(Text(fields[2]));
  return absl::OkStatus();
}

// CREATEFILE path [part]
absl::Status ParseCreateFile(Fields fields, v1::DataRequest* request) {
  request->mutable_create_file()->set_path(Text(fields[0]));
  if (fields.size() == 1) return absl::OkStatus();
  if (fields[1] != "part") {
    return Fail(FailCode::kBadField, "the second field is `part`, or is left out");
  }
  request->mutable_create_file()->set_part(true);
  return absl::OkStatus();
}

// READFILE path, offset, length [version]
absl::Status ParseReadFile(Fields fields, v1::DataRequest* request) {
  v1::ReadFileOp* op = request->mutable_read_file();
  CVG_ASSIGN_OR_RETURN(const uint64_t offset, ReadNumber("the offset", fields[1]));
  CVG_ASSIGN_OR_RETURN(const uint64_t length, ReadNumber("the length", fields[2]));
  op->set_path(Text(fields[0]));
  op->set_offset(offset);
  op->set_length(length);
  if (fields.size() == 3) return absl::OkStatus();
  CVG_ASSIGN_OR_RETURN(const uint64_t version, ReadNumber("the version", fields[3]));
  if (version == 0) {
    return Fail(FailCode::kBadField, "no file has the version 0; give the one that GETINFO tells");
  }
  op->set_version(version);
  return absl::OkStatus();
}

// TRUNCATEFILE path, size
absl::Status ParseTruncateFile(Fields fields, v1::DataRequest* request) {
  CVG_ASSIGN_OR_RETURN(const uint64_t bytes, ReadNumber("the size", fields[1]));
  request->mutable_truncate_file()->set_path(Text(fields[0]));
  request->mutable_truncate_file()->set_bytes(bytes);
  return absl::OkStatus();
}

// MOVE from, to [replace]
absl::Status ParseMove(Fields fields, v1::DataRequest* request) {
  request->mutable_move()->set_from(Text(fields[0]));
  request->mutable_move()->set_to(Text(fields[1]));
  if (fields.size() == 2) return absl::OkStatus();
  if (fields[2] != "replace") {
    return Fail(FailCode::kBadField, "the third field is `replace`, or is left out");
  }
  request->mutable_move()->set_replace(true);
  return absl::OkStatus();
}

// LISTFOLDER path [after, limit]
absl::Status ParseListFolder(Fields fields, v1::DataRequest* request) {
  v1::ListFolderOp* op = request->mutable_list_folder();
  op->set_path(Text(fields[0]));
  op->set_limit(limits::kStorageRowsMax);
  if (fields.size() == 1) return absl::OkStatus();
  if (fields.size() != 3) {
    return Fail(FailCode::kBadField, "give a path, or a path, the name to start after and a limit");
  }
  CVG_ASSIGN_OR_RETURN(const uint64_t limit, ReadLimit(fields[2]));
  op->set_after(Text(fields[1]));
  op->set_limit(static_cast<uint32_t>(limit));
  return absl::OkStatus();
}

absl::string_view TypeWord(bool is_folder, bool is_part) {
  if (is_folder) return "folder";
  return is_part ? "part" : "file";
}

std::string FolderText(v1::DataResponse& response) {
  line::RowWriter rows;
  for (const v1::FolderRow& row : response.folder().rows()) {
    rows.Add({row.name(), TypeWord(row.is_folder(), row.is_part()), absl::StrCat(row.bytes()),
              absl::StrCat(row.time_ms())});
  }
  return rows.data();
}

std::string FactsText(v1::DataResponse& response) {
  const v1::FileFacts& facts = response.facts();
  line::RowWriter rows;
  rows.Add({"type", TypeWord(facts.is_folder(), facts.is_part())});
  rows.Add({"bytes", absl::StrCat(facts.bytes())});
  rows.Add({"created", absl::StrCat(facts.created_ms())});
  rows.Add({"modified", absl::StrCat(facts.modified_ms())});
  rows.Add({"owner", facts.owner()});
  rows.Add({"right", facts.right()});
  rows.Add({"id", absl::StrCat(facts.id())});
  if (!facts.is_folder()) rows.Add({"version", absl::StrCat(facts.version())});
  if (!facts.hash().empty()) rows.Add({"hash", absl::BytesToHexString(facts.hash())});
  for (const v1::Permission& permission : facts.permissions()) {
    rows.Add({"permission", permission.who(), permission.right()});
  }
  if (facts.has_inherited()) {
    rows.Add(
        {"inherited", facts.inherited().who(), facts.inherited().right(), facts.inherited_from()});
  }
  for (const v1::VolumeFacts& volume : facts.volumes()) {
    rows.Add({"volume", absl::StrCat(volume.volume()),
              volume.is_volatile() ? "volatile" : "nonvolatile",
              absl::StrCat(volume.copies_wanted()), absl::StrJoin(volume.servers_online(), ","),
              absl::StrJoin(volume.servers_offline(), ",")});
  }
  return rows.data();
}

Parse PathOf(std::string* (*field)(v1::DataRequest*)) {
  return [field](Fields fields, v1::DataRequest* request) {
    *field(request) = Text(fields[0]);
    return absl::OkStatus();
  };
}

}  // namespace

std::vector<CommandSpec> MakeStorageCommands(DataClient* data) {
  using Request = v1::DataRequest;
  const Parse create_folder =
      PathOf([](Request* request) { return request->mutable_create_folder()->mutable_path(); });
  const Parse delete_file =
      PathOf([](Request* request) { return request->mutable_delete_file()->mutable_path(); });
  const Parse get_info =
      PathOf([](Request* request) { return request->mutable_get_info()->mutable_path(); });
  // clang-format off
  return {
      {"CREATEFILE", 1, 2, Access::kSignedIn, AskData(data, ParseCreateFile, NoData),
       "path [LF part]: make an empty file; a part is not whole yet", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"CREATEFOLDER", 1, 1, Access::kSignedIn, AskData(data, create_folder, NoData),
       "path: make a folder", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEFILE", 1, 1, Access::kSignedIn, AskData(data, delete_file, NoData),
       "path: delete a file", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"DELETEFOLDER", 1, 2, Access::kSignedIn, AskData(data, ParseDeleteFolder, NoData),
       "path [LF recursive]: delete a folder that is empty, or with all that is in it",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"GETINFO", 1, 1, Access::kSignedIn, AskData(data, get_info, FactsText),
       "path: what is known of a file or folder"},
      {"LISTFOLDER", 1, 3, Access::kSignedIn, AskData(data, ParseListFolder, FolderText),
       "path [LF after LF limit]: what is in a folder"},
      {"MOVE", 2, 3, Access::kSignedIn, AskData(data, ParseMove, NoData),
       "path LF new path [LF replace]: move or rename a file or folder",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"READFILE", 3, 4, Access::kSignedIn, AskData(data, ParseReadFile, DataText),
       "path LF offset LF length [LF version]: bytes of a file"},
      {"SETPERMISSIONS", 3, 3, Access::kSignedIn, AskData(data, ParseSetPermissions, NoData),
       "path LF user or * LF none|read|write|admin|inherit: say who may do what in a folder",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"TRUNCATEFILE", 2, 2, Access::kSignedIn, AskData(data, ParseTruncateFile, NoData),
       "path LF size: cut a file to that size", /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
      {"WRITEFILE", 3, 3, Access::kSignedIn, AskData(data, ParseWriteFile, NumberText),
       "path LF offset LF data: write bytes into a file; answers its size",
       /*counts_as_message=*/false,
       lineserver::kSmallAnswerBytes},
  };
  // clang-format on
}

}  // namespace convergia::edge
