#include "tests/model/core/folder_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace convergia::testing {
namespace {

constexpr uint64_t kReadMax = 1024 * 1024;
constexpr size_t kNameMax = 255;
constexpr size_t kPathMax = 4096;
constexpr size_t kDepthMax = 64;

// The bytes of the UTF-8 character that begins with `lead`; 0 if none does.
size_t CharacterBytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

bool IsUnder(const std::string& path, const std::string& folder) {
  return path == folder || absl::StartsWith(path, folder + "/");
}

absl::string_view TypeOf(const FolderModel::Node& node) {
  if (node.is_folder) return "folder";
  return node.is_part ? "part" : "file";
}

SharedBytes Share(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

}  // namespace

bool operator==(const FolderModel::Node& a, const FolderModel::Node& b) {
  return a.is_folder == b.is_folder && a.is_part == b.is_part && a.owner == b.owner &&
         a.rights == b.rights && (a.bytes == b.bytes || *a.bytes == *b.bytes);
}

bool IsText(absl::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const size_t bytes = CharacterBytes(lead);
    if (bytes == 0 || bytes > text.size()) return false;
    uint32_t code = bytes == 1 ? lead : lead & (0x7fu >> bytes);
    for (const char next : text.substr(1, bytes - 1)) {
      if ((static_cast<unsigned char>(next) & 0xc0) != 0x80) return false;
      code = code << 6 | (static_cast<unsigned char>(next) & 0x3f);
    }
    const uint32_t least = bytes == 3 ? 0x800 : bytes == 4 ? 0x10000 : 0;
    const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (code < least || is_control || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) {
      return false;
    }
    text.remove_prefix(bytes);
  }
  return true;
}

bool IsPath(absl::string_view path) {
  if (path == "/") return true;
  if (path.size() > kPathMax || !absl::StartsWith(path, "/")) return false;
  const std::vector<absl::string_view> names = absl::StrSplit(path.substr(1), '/');
  return names.size() <= kDepthMax &&
         std::all_of(names.begin(), names.end(), [](absl::string_view name) {
           return !name.empty() && name != "." && name != ".." && name.size() <= kNameMax &&
                  IsText(name);
         });
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::string_view WordOf(Right right) {
  constexpr absl::string_view kWords[] = {"none", "read", "write", "admin"};
  return kWords[static_cast<int>(right)];
}

FolderModel::FolderModel(const std::string& root_admin) {
  nodes_["/"] = {.is_folder = true, .rights = {{"*", Right::kRead}, {root_admin, Right::kAdmin}}};
}

const FolderModel::Node* FolderModel::Get(const std::string& path) const {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

bool FolderModel::HasChildren(const std::string& path) const {
  for (auto next = nodes_.upper_bound(path + "/"); next != nodes_.end(); ++next) {
    if (!absl::StartsWith(next->first, path + "/")) return false;
    if (!next->second.is_part || ParentOf(next->first) != path) return true;
  }
  return false;
}

std::string FolderModel::FolderOf(std::string path) const {
  while (Get(path) == nullptr || !Get(path)->is_folder) path = ParentOf(path);
  return path;
}

FolderModel::Decision FolderModel::Decide(const std::string& user, std::string folder) const {
  std::optional<Decision> everybody;
  while (true) {
    const std::map<std::string, Right>& rights = nodes_.at(folder).rights;
    if (rights.contains(user)) return {user, rights.at(user), folder};
    if (!everybody.has_value() && rights.contains("*")) everybody = {"*", rights.at("*"), folder};
    if (folder == "/") return *everybody;
    folder = ParentOf(folder);
  }
}

bool FolderModel::SomebodyIsAdmin(std::string folder) const {
  std::map<std::string, Right> nearest;
  for (; folder != "/"; folder = ParentOf(folder)) {
    for (const auto& [who, right] : nodes_.at(folder).rights) nearest.try_emplace(who, right);
  }
  return std::any_of(nearest.begin(), nearest.end(),
                     [](const auto& entry) { return entry.second == Right::kAdmin; });
}

std::string FolderModel::Missing(const std::string& path) const {
  for (std::string up = ParentOf(path); up != "/"; up = ParentOf(up)) {
    if (Get(up) != nullptr && !Get(up)->is_folder) return "NOTAFOLDER";
  }
  return "NOTFOUND";
}

std::string FolderModel::Find(const std::string& user, const std::string& path, Right need,
                              std::optional<bool> folder) const {
  if (!IsPath(path)) return "BADFIELD";
  const Right right = RightOf(user, FolderOf(path));
  if (right < Right::kRead) return "DENIED";
  const Node* const node = Get(path);
  if (node == nullptr) return Missing(path);
  if (folder.has_value() && node->is_folder != *folder) return *folder ? "NOTAFOLDER" : "NOTAFILE";
  return right < need ? "DENIED" : "OK";
}

std::string FolderModel::Place(const std::string& user, const std::string& path, bool folder,
                               bool replace) const {
  if (!IsPath(path)) return "BADFIELD";
  const std::string parent = ParentOf(path);
  if (Get(parent) == nullptr || !Get(parent)->is_folder) {
    return RightOf(user, FolderOf(parent)) < Right::kRead ? "DENIED" : Missing(path);
  }
  const Right right = RightOf(user, parent);
  if (right < Right::kRead) return "DENIED";
  if (Get(path) != nullptr && !replace) return "EXISTS";
  if (Get(path) != nullptr && Get(path)->is_folder) return "NOTAFILE";
  if (parent == "/" && folder) return "OK";
  return right < Right::kWrite ? "DENIED" : "OK";
}

std::string FolderModel::MayLeave(const std::string& user, const std::string& path) const {
  const std::string parent = ParentOf(path);
  const Right need = parent == "/" ? Right::kRead : Right::kWrite;
  return RightOf(user, parent) < need ? "DENIED" : "OK";
}

Answer FolderModel::CreateFolder(const std::string& user, const std::string& path) {
  if (path == "/") return Fails("EXISTS");
  if (const std::string code = Place(user, path, true); code != "OK") return Fails(code);
  Node node{.is_folder = true, .owner = user, .rights = {{user, Right::kAdmin}}};
  if (ParentOf(path) == "/") node.rights["*"] = Right::kNone;
  nodes_[path] = std::move(node);
  return Ok();
}

Answer FolderModel::CreateFile(const std::string& user, const std::string& path, bool part) {
  if (path == "/") return Fails("EXISTS");
  const std::string code = Place(user, path, false);
  if (code == "OK") nodes_[path] = {.owner = user, .is_part = part};
  return Fails(code);
}

Answer FolderModel::Delete(const std::string& user, const std::string& path, bool recursive) {
  if (path == "/") return Fails("BADFIELD");
  std::string code = Find(user, path, Right::kAdmin, true);
  if (code == "OK") code = MayLeave(user, path);
  if (code == "OK" && !recursive && HasChildren(path)) code = "NOTEMPTY";
  if (code == "OK") {
    std::erase_if(nodes_, [&](const auto& node) { return IsUnder(node.first, path); });
  }
  return Fails(code);
}

Answer FolderModel::DeleteFile(const std::string& user, const std::string& path) {
  const std::string code = Find(user, path, Right::kWrite, false);
  if (code == "OK") nodes_.erase(path);
  return Fails(code);
}

Answer FolderModel::Move(const std::string& user, const std::string& from, const std::string& to,
                         bool replace) {
  if (from == "/") return Fails("BADFIELD");
  std::string code = Find(user, from, Right::kWrite, replace ? std::optional(false) : std::nullopt);
  if (code != "OK") return Fails(code);
  const bool folder = Get(from)->is_folder;
  if (folder && RightOf(user, from) < Right::kAdmin) return Fails("DENIED");
  if (folder) code = MayLeave(user, from);
  if (code == "OK") code = to == "/" ? "BADFIELD" : Place(user, to, folder, replace);
  if (code == "OK" && folder && IsUnder(to, from)) code = "BADFIELD";
  if (code != "OK") return Fails(code);
  nodes_[from].is_part = false;
  if (from != to) nodes_.erase(to);
  std::map<std::string, Node> moved;
  for (auto& [path, node] : nodes_) {
    moved[IsUnder(path, from) ? to + path.substr(from.size()) : path] = std::move(node);
  }
  nodes_ = std::move(moved);
  if (!folder || ParentOf(from) == ParentOf(to)) return Ok();
  nodes_[to].rights.try_emplace(user, Right::kAdmin);
  if (ParentOf(to) == "/") nodes_[to].rights.try_emplace("*", Right::kNone);
  return Ok();
}

Answer FolderModel::SetPermissions(const std::string& user, const std::string& path,
                                   const std::string& who, std::optional<Right> right) {
  const std::string code = Find(user, path, Right::kAdmin, true);
  if (code != "OK") return Fails(code);
  std::map<std::string, Right>& rights = nodes_[path].rights;
  const std::map<std::string, Right> before = rights;
  if (right.has_value()) {
    rights[who] = *right;
  } else {
    rights.erase(who);
  }
  if (SomebodyIsAdmin(path)) return Ok();
  rights = before;
  return Fails("DENIED");
}

Answer FolderModel::Write(const std::string& user, const std::string& path, uint64_t offset,
                          const std::string& data) {
  if (data.size() > kReadMax) return Fails("BADFIELD");
  const std::string code = Find(user, path, Right::kWrite, false);
  if (code != "OK") return Fails(code);
  std::string bytes = *nodes_[path].bytes;
  if (offset > bytes.size()) return Fails("BADFIELD");
  bytes.resize(std::max(bytes.size(), offset + data.size()));
  bytes.replace(offset, data.size(), data);
  const size_t size = bytes.size();
  nodes_[path].bytes = Share(std::move(bytes));
  return Ok(absl::StrCat(size));
}

Answer FolderModel::Read(const std::string& user, const std::string& path, uint64_t offset,
                         uint64_t length, bool is_version_known) const {
  const std::string code = Find(user, path, Right::kRead, false);
  if (code != "OK") return Fails(code);
  if (!is_version_known) return Fails("NOTFOUND");
  const std::string& bytes = *nodes_.at(path).bytes;
  if (length > kReadMax || offset > bytes.size()) return Fails("BADFIELD");
  return Ok(bytes.substr(offset, length));
}

Answer FolderModel::Truncate(const std::string& user, const std::string& path, uint64_t size) {
  const std::string code = Find(user, path, Right::kWrite, false);
  if (code != "OK") return Fails(code);
  const std::string& bytes = *nodes_[path].bytes;
  if (size > bytes.size()) return Fails("BADFIELD");
  nodes_[path].bytes = Share(bytes.substr(0, size));
  return Ok();
}

Answer FolderModel::List(const std::string& user, const std::string& path, const std::string& after,
                         uint64_t limit) const {
  if (limit < 1 || limit > 1000) return Fails("BADFIELD");
  const std::string code = Find(user, path, Right::kRead, true);
  if (code != "OK") return Fails(code);
  if (after.size() > kNameMax) return Fails("BADFIELD");
  std::vector<std::string> rows;
  for (const auto& [name, node] : nodes_) {
    if (name == "/" || ParentOf(name) != path || rows.size() >= limit) continue;
    const std::string last = name.substr(name.rfind('/') + 1);
    if (!after.empty() && last <= after) continue;
    rows.push_back(absl::StrCat(last, "\t", TypeOf(node), "\t", node.bytes->size()));
  }
  return Ok(absl::StrJoin(rows, "\n"));
}

Answer FolderModel::Describe(const std::string& user, const std::string& path) const {
  const std::string code = Find(user, path, Right::kRead, std::nullopt);
  if (code != "OK") return Fails(code);
  const Node& node = nodes_.at(path);
  const std::string folder = FolderOf(path);
  std::string rows =
      absl::StrCat("type\t", TypeOf(node), "\nbytes\t", node.bytes->size(), "\nowner\t", node.owner,
                   "\nright\t", WordOf(RightOf(user, folder)));
  // The permissions of "/" are configuration, so the model does not know them.
  if (folder == "/") return Ok(rows);
  for (const auto& [who, right] : nodes_.at(folder).rights) {
    absl::StrAppend(&rows, "\npermission\t", who, "\t", WordOf(right));
  }
  const Decision decision = Decide(user, folder);
  if (decision.folder == folder) return Ok(rows);
  absl::StrAppend(&rows, "\ninherited\t", decision.who, "\t", WordOf(decision.right), "\t",
                  decision.folder);
  return Ok(rows);
}

}  // namespace convergia::testing
