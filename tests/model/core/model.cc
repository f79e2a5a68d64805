#include "tests/model/core/model.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace convergia::testing {
namespace {

struct Shape {
  size_t fields_min = 0;
  size_t fields_max = 0;
  bool changes = false;
};

const std::map<std::string, Shape>& Shapes() {
  static const auto& shapes = *new std::map<std::string, Shape>{
      {"CREATEFOLDER", {1, 1, true}},
      {"DELETEFOLDER", {1, 2, true}},
      {"SETPERMISSIONS", {3, 3, true}},
      {"CREATEFILE", {1, 2, true}},
      {"WRITEFILE", {3, 3, true}},
      {"READFILE", {3, 4, false}},
      {"TRUNCATEFILE", {2, 2, true}},
      {"MOVE", {2, 3, true}},
      {"DELETEFILE", {1, 1, true}},
      {"LISTFOLDER", {1, 3, false}},
      {"GETINFO", {1, 1, false}},
      {"INITOFFLINEMESSAGE", {1, 1, true}},
      {"APPENDOFFLINEMESSAGE", {2, 2, true}},
      {"SENDOFFLINEMESSAGE", {1, 1, true}},
      {"CANCELOFFLINEMESSAGE", {1, 1, true}},
      {"LISTOFFLINEMESSAGES", {0, 2, false}},
      {"READOFFLINEMESSAGE", {3, 3, false}},
      {"DELETEOFFLINEMESSAGE", {1, 1, true}},
      {"SETMETADATA", {2, 2, true}},
      {"GETMETADATA", {2, 2, false}},
      {"LISTMETADATA", {1, 1, false}},
      {"DELETEMETADATA", {1, 1, true}},
  };
  return shapes;
}

// Splits the fields like a server does: at LF, and the last field takes the rest.
std::vector<std::string> CutFields(const Command& command, size_t fields_max) {
  if (command.fields.empty() || fields_max == 0) return command.fields;
  return absl::StrSplit(absl::StrJoin(command.fields, "\n"),
                        absl::MaxSplits('\n', static_cast<int>(fields_max) - 1));
}

// The username in lower case; empty if it is not valid.
std::string UserIn(absl::string_view text) {
  const std::string name = absl::AsciiStrToLower(text);
  const auto is_start = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); };
  const bool fits = !name.empty() && name.size() <= 32 && is_start(name[0]) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_start(c) || c == '.' || c == '_' || c == '-';
                    });
  return fits ? name : "";
}

bool IsKey(const std::string& key) { return !key.empty() && key.size() <= 128 && IsText(key); }

}  // namespace

bool Changes(const Command& command) {
  const auto shape = Shapes().find(command.word);
  return shape != Shapes().end() && shape->second.changes;
}

Model::Model(const Rules& rules)
    : users_(rules.users), folders_(rules.root_admin), mail_(rules.users, rules.mail) {
  for (const std::string& user : users_) metadata_[user] = {};
}

Answer Model::Do(const std::string& user, const Command& command, const Answer* seen) {
  const auto shape = Shapes().find(command.word);
  if (shape == Shapes().end()) return Fails("UNKNOWNCOMMAND");
  const Fields fields = CutFields(command, shape->second.fields_max);
  if (fields.size() < shape->second.fields_min) return Fails("BADFIELD");
  if (absl::EndsWith(command.word, "METADATA")) return DoOnMetadata(user, command.word, fields);
  if (absl::StrContains(command.word, "OFFLINEMESSAGE")) {
    return DoOnMail(user, command.word, fields, seen);
  }
  return DoOnFolders(user, command.word, fields);
}

Answer Model::DoOnFolders(const std::string& user, const std::string& word, const Fields& fields) {
  const std::string& path = fields[0];
  if (word == "CREATEFOLDER") return folders_.CreateFolder(user, path);
  if (word == "CREATEFILE") {
    if (fields.size() == 2 && fields[1] != "part") return Fails("BADFIELD");
    return folders_.CreateFile(user, path, fields.size() == 2);
  }
  if (word == "DELETEFILE") return folders_.DeleteFile(user, path);
  if (word == "GETINFO") return folders_.Describe(user, path);
  if (word == "MOVE") {
    if (fields.size() == 3 && fields[2] != "replace") return Fails("BADFIELD");
    return folders_.Move(user, path, fields[1], fields.size() == 3);
  }
  if (word == "SETPERMISSIONS") return SetPermissions(user, fields);
  if (word == "DELETEFOLDER") {
    if (fields.size() == 2 && fields[1] != "recursive") return Fails("BADFIELD");
    return folders_.Delete(user, path, fields.size() == 2);
  }
  if (word == "LISTFOLDER") {
    if (fields.size() == 1) return folders_.List(user, path, "", 1000);
    const auto limit = fields.size() == 3 ? ToNumber(fields[2]) : std::nullopt;
    return limit.has_value() ? folders_.List(user, path, fields[1], *limit) : Fails("BADFIELD");
  }
  return DoOnFiles(user, word, fields);
}

Answer Model::DoOnFiles(const std::string& user, const std::string& word, const Fields& fields) {
  const std::string& path = fields[0];
  const std::optional<uint64_t> number = ToNumber(fields[1]);
  if (!number.has_value()) return Fails("BADFIELD");
  if (word == "TRUNCATEFILE") return folders_.Truncate(user, path, *number);
  if (word == "WRITEFILE") return folders_.Write(user, path, *number, fields[2]);
  const std::optional<uint64_t> length = ToNumber(fields[2]);
  if (!length.has_value()) return Fails("BADFIELD");
  if (fields.size() == 3) return folders_.Read(user, path, *number, *length, true);
  // CommandMaker asks only for versions that no file has.
  const std::optional<uint64_t> version = ToNumber(fields[3]);
  if (version.value_or(0) == 0) return Fails("BADFIELD");
  return folders_.Read(user, path, *number, *length, false);
}

Answer Model::SetPermissions(const std::string& user, const Fields& fields) {
  const std::string who = fields[1] == "*" ? "*" : UserIn(fields[1]);
  const bool inherit = fields[2] == "inherit";
  if (who.empty()) return Fails("BADFIELD");
  if (who != "*" && !inherit && !users_.contains(who)) return Fails("NOSUCHUSER");
  if (inherit) return folders_.SetPermissions(user, fields[0], who, std::nullopt);
  for (const Right right : {Right::kNone, Right::kRead, Right::kWrite, Right::kAdmin}) {
    if (fields[2] == WordOf(right)) return folders_.SetPermissions(user, fields[0], who, right);
  }
  return Fails("BADFIELD");
}

Answer Model::Init(const std::string& user, const Fields& fields, const Answer* seen) {
  const std::vector<std::string> names = absl::StrSplit(fields[0], ' ');
  std::set<std::string> to;
  for (const std::string& name : names) to.insert(UserIn(name));
  if (names.size() > 32 || to.contains("")) return Fails("BADFIELD");
  for (const std::string& name : to) {
    if (!users_.contains(name)) return Fails("NOSUCHUSER");
  }
  return mail_.Init(user, to, seen);
}

Answer Model::DoOnMail(const std::string& user, const std::string& word, const Fields& fields,
                       const Answer* seen) {
  if (word == "INITOFFLINEMESSAGE") return Init(user, fields, seen);
  if (word == "LISTOFFLINEMESSAGES") {
    if (fields.empty()) return mail_.List(user, 0, 1000, seen);
    const auto after = ToNumber(fields[0]);
    const auto limit = fields.size() == 2 ? ToNumber(fields[1]) : std::nullopt;
    if (!after.has_value() || !limit.has_value()) return Fails("BADFIELD");
    return mail_.List(user, *after, *limit, seen);
  }
  const std::optional<uint64_t> id = ToNumber(fields[0]);
  if (!id.has_value()) return Fails("BADFIELD");
  if (word == "APPENDOFFLINEMESSAGE") return mail_.Append(user, *id, fields[1]);
  if (word == "SENDOFFLINEMESSAGE") return mail_.Send(user, *id);
  if (word == "CANCELOFFLINEMESSAGE") return mail_.Cancel(user, *id);
  if (word == "DELETEOFFLINEMESSAGE") return mail_.Delete(user, *id);
  const auto offset = ToNumber(fields[1]);
  const auto length = ToNumber(fields[2]);
  if (!offset.has_value() || !length.has_value()) return Fails("BADFIELD");
  return mail_.Read(user, *id, *offset, *length);
}

Answer Model::DoOnMetadata(const std::string& user, const std::string& word, const Fields& fields) {
  if (word == "SETMETADATA") {
    if (!IsKey(fields[0]) || fields[1].size() > 32 * 1024) return Fails("BADFIELD");
    metadata_[user][fields[0]] = fields[1];
    return Ok();
  }
  if (word == "DELETEMETADATA") {
    if (!IsKey(fields[0])) return Fails("BADFIELD");
    return metadata_[user].erase(fields[0]) == 1 ? Ok() : Fails("NOTFOUND");
  }
  const std::string whose = UserIn(fields[0]);
  if (whose.empty()) return Fails("BADFIELD");
  if (word == "GETMETADATA" && !IsKey(fields[1])) return Fails("BADFIELD");
  if (!users_.contains(whose)) return Fails("NOTFOUND");
  const std::map<std::string, std::string>& values = metadata_.at(whose);
  if (word == "GETMETADATA") {
    const auto value = values.find(fields[1]);
    return value == values.end() ? Fails("NOTFOUND") : Ok(value->second);
  }
  std::vector<std::string> rows;
  for (const auto& [key, value] : values) rows.push_back(absl::StrCat(key, "\t", value.size()));
  return Ok(absl::StrJoin(rows, "\n"));
}

}  // namespace convergia::testing
