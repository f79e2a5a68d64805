#include "client/testing/fake_storage.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

uint64_t ReadNumber(const std::string& text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : UINT64_MAX;
}

std::string TypeOf(const FakeStorage::Node& node) {
  if (node.is_folder) return "folder";
  return node.is_part ? "part" : "file";
}

absl::Status NotThere() { return Fail(FailCode::kNotFound, "there is no such thing"); }

}  // namespace

int FakeStorage::Count(const std::string& word) const {
  const auto at = counts_.find(word);
  return at == counts_.end() ? 0 : at->second;
}

void FakeStorage::RequestThen(std::string word, std::vector<std::string> fields, Done done) {
  done(Request(std::move(word), std::move(fields)));
}

absl::StatusOr<std::string> FakeStorage::Request(std::string word,
                                                 std::vector<std::string> fields) {
  ++counts_[word];
  if (trouble_) CVG_RETURN_IF_ERROR(trouble_(word));
  if (word == "CREATEFOLDER") return Create(fields, true);
  if (word == "CREATEFILE") return Create(fields, false);
  if (word == "WRITEFILE") return Write(fields);
  if (word == "READFILE") return Read(fields);
  if (word == "LISTFOLDER") return List(fields);
  if (word == "GETINFO") return Info(fields[0]);
  if (word == "DELETEFILE") {
    CVG_RETURN_IF_ERROR(File(fields[0]).status());
    nodes_.erase(fields[0]);
    return "";
  }
  if (word == "MOVE") return Move(fields);
  return Fail(FailCode::kUnknownCommand, word);
}

void FakeStorage::Number(Node* node) {
  if (node->id == 0) node->id = ++last_number_;
  if (node->version == 0) node->version = ++last_number_;
}

absl::StatusOr<std::string> FakeStorage::Move(const std::vector<std::string>& fields) {
  CVG_ASSIGN_OR_RETURN(Node* const node, File(fields[0]));
  if (const auto there = nodes_.find(fields[1]); there != nodes_.end()) {
    if (fields.size() < 3) return Fail(FailCode::kExists, "the name is taken");
    if (there->second.is_folder) return Fail(FailCode::kNotAFile, "it is a folder");
  }
  Node moved = std::move(*node);
  moved.is_part = false;
  nodes_.erase(fields[0]);
  nodes_[fields[1]] = std::move(moved);
  return "";
}

absl::StatusOr<std::string> FakeStorage::Create(const std::vector<std::string>& fields,
                                                bool folder) {
  const std::string& path = fields[0];
  const std::string parent = ParentOf(path);
  if (!parent.empty() && !nodes_.contains(parent)) return NotThere();
  if (nodes_.contains(path)) return Fail(FailCode::kExists, "the name is taken");
  Node& made = nodes_[path];
  made.is_folder = folder;
  made.modified = now_;
  made.is_part = fields.size() > 1;
  Number(&made);
  return "";
}

absl::StatusOr<FakeStorage::Node*> FakeStorage::File(const std::string& path) {
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) return NotThere();
  if (at->second.is_folder) return Fail(FailCode::kNotAFile, "it is a folder");
  return &at->second;
}

absl::StatusOr<std::string> FakeStorage::Write(const std::vector<std::string>& fields) {
  CVG_ASSIGN_OR_RETURN(Node* const node, File(fields[0]));
  const uint64_t offset = ReadNumber(fields[1]);
  if (offset > node->bytes.size()) return Fail(FailCode::kBadField, "past the end");
  node->bytes.replace(offset, fields[2].size(), fields[2]);
  node->modified = now_;
  node->version = ++last_number_;
  return absl::StrCat(node->bytes.size());
}

absl::StatusOr<std::string> FakeStorage::Read(const std::vector<std::string>& fields) {
  CVG_ASSIGN_OR_RETURN(Node* const node, File(fields[0]));
  Number(node);
  if (fields.size() > 3 && fields[3] != absl::StrCat(node->version)) return NotThere();
  const uint64_t offset = ReadNumber(fields[1]);
  if (offset > node->bytes.size()) return Fail(FailCode::kBadField, "past the end");
  return node->bytes.substr(offset, ReadNumber(fields[2]));
}

absl::StatusOr<std::string> FakeStorage::List(const std::vector<std::string>& fields) {
  if (listing_.has_value()) return *listing_;
  line::RowWriter rows;
  uint64_t left = ReadNumber(fields[2]);
  for (const auto& [path, node] : nodes_) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (ParentOf(path) != fields[0] || name <= fields[1] || left == 0) continue;
    --left;
    rows.Add({name, TypeOf(node), absl::StrCat(node.bytes.size()),
              absl::StrCat(absl::ToUnixMillis(node.modified))});
  }
  return rows.data();
}

absl::StatusOr<std::string> FakeStorage::Info(const std::string& path) {
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) return NotThere();
  line::RowWriter rows;
  Node& node = at->second;
  Number(&node);
  rows.Add({"type", TypeOf(node)});
  rows.Add({"bytes", absl::StrCat(node.bytes.size())});
  rows.Add({"modified", absl::StrCat(absl::ToUnixMillis(node.modified))});
  rows.Add({"id", absl::StrCat(node.id)});
  if (node.is_folder) return rows.data();
  rows.Add({"version", absl::StrCat(node.version)});
  if (node.hash_known) rows.Add({"hash", HexTreeHash(node.bytes)});
  return rows.data();
}

}  // namespace convergia::client
