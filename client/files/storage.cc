#include "client/files/storage.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return Fail(FailCode::kInternal, absl::StrCat("the server's answer has no valid ", what,
                                                "; its version may differ from this client's"));
}

absl::StatusOr<uint64_t> ParseCount(absl::string_view text, absl::string_view what) {
  uint64_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) return Unreadable(what);
  return count;
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(text, &milliseconds)) return Unreadable("time");
  return absl::FromUnixMillis(milliseconds);
}

// Sets the kind of a StoredEntry or StoredInfo.
template <typename Stored>
absl::Status ParseType(absl::string_view type, Stored* stored) {
  if (type != "folder" && type != "file" && type != "part") return Unreadable("type");
  stored->is_folder = type == "folder";
  stored->is_part = type == "part";
  return absl::OkStatus();
}

absl::StatusOr<StoredEntry> ParseEntry(const std::vector<absl::string_view>& row) {
  if (row.size() < 4) return Unreadable("entry");
  StoredEntry entry;
  entry.name = std::string(row[0]);
  // It becomes a name in a local folder and must not lead out of that folder.
  const bool is_name = !entry.name.empty() && entry.name != "." && entry.name != ".." &&
                       entry.name.find('/') == std::string::npos;
  if (!is_name) return Unreadable("name");
  CVG_RETURN_IF_ERROR(ParseType(row[1], &entry));
  CVG_ASSIGN_OR_RETURN(entry.bytes, ParseCount(row[2], "size"));
  CVG_ASSIGN_OR_RETURN(entry.changed, ParseTime(row[3]));
  return entry;
}

absl::StatusOr<StoredMessage> ParseMessage(const std::vector<absl::string_view>& row) {
  if (row.size() < 4) return Unreadable("message");
  StoredMessage message;
  message.id = std::string(row[0]);
  message.from = std::string(row[1]);
  CVG_ASSIGN_OR_RETURN(message.bytes, ParseCount(row[2], "size"));
  CVG_ASSIGN_OR_RETURN(message.sent, ParseTime(row[3]));
  return message;
}

}  // namespace

bool MayPassLater(const absl::Status& status) {
  if (status.ok()) return false;
  switch (FailCodeOf(status)) {
    case FailCode::kUnavailable:
    case FailCode::kUnconfirmed:
    case FailCode::kStorageDown:
    case FailCode::kManagementDown:
    case FailCode::kBusy:
    case FailCode::kRate:
      return true;
    default:
      return false;
  }
}

bool EndsAllTransfers(const absl::Status& status) {
  const FailCode code = FailCodeOf(status);
  return code == FailCode::kNoSpace || code == FailCode::kQuota ||
         (MayPassLater(status) && code != FailCode::kBusy);
}

absl::Status Storage::Do(absl::string_view word, std::vector<std::string> fields) {
  return requester_->Request(std::string(word), std::move(fields)).status();
}

absl::Status Storage::CreateFolder(absl::string_view path) {
  return Do("CREATEFOLDER", {std::string(path)});
}

absl::Status Storage::DeleteFolder(absl::string_view path, bool recursive) {
  if (recursive) return Do("DELETEFOLDER", {std::string(path), "recursive"});
  return Do("DELETEFOLDER", {std::string(path)});
}

absl::Status Storage::SetPermission(absl::string_view path, absl::string_view user,
                                    absl::string_view permission) {
  return Do("SETPERMISSIONS", {std::string(path), std::string(user), std::string(permission)});
}

absl::Status Storage::CreateFile(absl::string_view path, bool part) {
  if (part) return Do("CREATEFILE", {std::string(path), "part"});
  return Do("CREATEFILE", {std::string(path)});
}

absl::Status Storage::DeleteFile(absl::string_view path) {
  return Do("DELETEFILE", {std::string(path)});
}

absl::Status Storage::Move(absl::string_view from, absl::string_view to, bool replace) {
  if (replace) return Do("MOVE", {std::string(from), std::string(to), "replace"});
  return Do("MOVE", {std::string(from), std::string(to)});
}

absl::Status Storage::Truncate(absl::string_view path, uint64_t bytes) {
  return Do("TRUNCATEFILE", {std::string(path), absl::StrCat(bytes)});
}

absl::StatusOr<uint64_t> Storage::Write(absl::string_view path, uint64_t offset,
                                        absl::string_view bytes) {
  CVG_ASSIGN_OR_RETURN(const std::string size,
                       requester_->Request("WRITEFILE", {std::string(path), absl::StrCat(offset),
                                                         std::string(bytes)}));
  return ParseCount(size, "size");
}

absl::StatusOr<std::string> Storage::Read(absl::string_view path, uint64_t offset, uint64_t length,
                                          std::optional<uint64_t> version) {
  std::vector<std::string> fields = {std::string(path), absl::StrCat(offset), absl::StrCat(length)};
  if (version.has_value()) fields.push_back(absl::StrCat(*version));
  return requester_->Request("READFILE", std::move(fields));
}

absl::StatusOr<std::vector<StoredEntry>> Storage::ListPage(absl::string_view path,
                                                           absl::string_view after, int limit) {
  CVG_ASSIGN_OR_RETURN(const std::string data,
                       requester_->Request("LISTFOLDER", {std::string(path), std::string(after),
                                                          absl::StrCat(limit)}));
  std::vector<StoredEntry> entries;
  for (const auto& row : line::ParseRows(data)) {
    CVG_ASSIGN_OR_RETURN(StoredEntry entry, ParseEntry(row));
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::vector<StoredEntry>> Storage::ListFolder(absl::string_view path) {
  std::vector<StoredEntry> all;
  while (true) {
    const std::string after = all.empty() ? "" : all.back().name;
    CVG_ASSIGN_OR_RETURN(auto page, ListPage(path, after, kStoredRowsMax));
    // The server may cut a page at its bytes, so only an empty page is surely the last.
    if (page.empty() || page.back().name <= after) return all;
    all.insert(all.end(), std::make_move_iterator(page.begin()),
               std::make_move_iterator(page.end()));
  }
}

absl::StatusOr<StoredInfo> Storage::GetInfo(absl::string_view path) {
  CVG_ASSIGN_OR_RETURN(const std::string data, requester_->Request("GETINFO", {std::string(path)}));
  StoredInfo info;
  for (const auto& row : line::ParseRows(data)) {
    info.rows.emplace_back(row.begin(), row.end());
  }
  CVG_RETURN_IF_ERROR(ParseType(line::ValueInRows(data, "type"), &info));
  CVG_ASSIGN_OR_RETURN(info.bytes, ParseCount(line::ValueInRows(data, "bytes"), "size"));
  CVG_ASSIGN_OR_RETURN(info.changed, ParseTime(line::ValueInRows(data, "modified")));
  CVG_ASSIGN_OR_RETURN(info.id, ParseCount(line::ValueInRows(data, "id"), "id"));
  if (info.is_folder) return info;
  CVG_ASSIGN_OR_RETURN(info.version, ParseCount(line::ValueInRows(data, "version"), "version"));
  const absl::string_view hash = line::ValueInRows(data, "hash");
  if (!hash.empty()) info.hash = std::string(hash);
  return info;
}

absl::StatusOr<std::string> Mailbox::Begin(const std::vector<std::string>& recipients) {
  return requester_->Request("INITOFFLINEMESSAGE", {absl::StrJoin(recipients, " ")});
}

absl::StatusOr<uint64_t> Mailbox::Append(absl::string_view draft, absl::string_view bytes) {
  CVG_ASSIGN_OR_RETURN(
      const std::string size,
      requester_->Request("APPENDOFFLINEMESSAGE", {std::string(draft), std::string(bytes)}));
  return ParseCount(size, "size");
}

absl::Status Mailbox::Send(absl::string_view draft) {
  return requester_->Request("SENDOFFLINEMESSAGE", {std::string(draft)}).status();
}

absl::Status Mailbox::Cancel(absl::string_view draft) {
  return requester_->Request("CANCELOFFLINEMESSAGE", {std::string(draft)}).status();
}

absl::StatusOr<std::vector<StoredMessage>> Mailbox::List() {
  std::vector<StoredMessage> all;
  while (true) {
    const std::string after = all.empty() ? "0" : all.back().id;  // Ids count from 1.
    CVG_ASSIGN_OR_RETURN(
        const std::string data,
        requester_->Request("LISTOFFLINEMESSAGES", {after, absl::StrCat(kStoredRowsMax)}));
    const auto rows = line::ParseRows(data);
    for (const auto& row : rows) {
      CVG_ASSIGN_OR_RETURN(StoredMessage message, ParseMessage(row));
      all.push_back(std::move(message));
    }
    if (rows.empty() || all.back().id == after) return all;
  }
}

absl::StatusOr<std::string> Mailbox::Read(absl::string_view id, uint64_t offset, uint64_t length) {
  return requester_->Request("READOFFLINEMESSAGE",
                             {std::string(id), absl::StrCat(offset), absl::StrCat(length)});
}

absl::Status Mailbox::Delete(absl::string_view id) {
  return requester_->Request("DELETEOFFLINEMESSAGE", {std::string(id)}).status();
}

absl::Status Metadata::Set(absl::string_view key, absl::string_view value) {
  return requester_->Request("SETMETADATA", {std::string(key), std::string(value)}).status();
}

absl::StatusOr<std::string> Metadata::Get(absl::string_view user, absl::string_view key) {
  return requester_->Request("GETMETADATA", {std::string(user), std::string(key)});
}

absl::StatusOr<std::vector<MetadataEntry>> Metadata::List(absl::string_view user) {
  CVG_ASSIGN_OR_RETURN(const std::string data,
                       requester_->Request("LISTMETADATA", {std::string(user)}));
  std::vector<MetadataEntry> entries;
  for (const auto& row : line::ParseRows(data)) {
    if (row.size() < 2) return Unreadable("key");
    CVG_ASSIGN_OR_RETURN(const uint64_t bytes, ParseCount(row[1], "size"));
    entries.push_back({std::string(row[0]), bytes});
  }
  return entries;
}

absl::Status Metadata::Delete(absl::string_view key) {
  return requester_->Request("DELETEMETADATA", {std::string(key)}).status();
}

}  // namespace convergia::client
