#include "datamgr/catalog/tree/tree.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

// A folder with more parts than this needs `recursive` to be deleted.
constexpr int kIgnoredPartsMax = 1'000;

absl::Status Hidden() {
  return Fail(FailCode::kDenied,
              "you may see nothing there; ask somebody who has admin on that "
              "folder, or check the path");
}

absl::Status Lacks(Right need) {
  return Fail(FailCode::kDenied,
              absl::StrCat("you need the right to ", RightWord(need),
                           " there; GETINFO names who has admin: ask them, or an "
                           "operator"));
}

absl::Status Check(Right right, Right need) {
  if (right >= need) return absl::OkStatus();
  return right == Right::kNone ? Hidden() : Lacks(need);
}

absl::Status NotThere() {
  return Fail(FailCode::kNotFound,
              "there is no such file or folder; LISTFOLDER shows what there is");
}

absl::Status IsTheRoot() {
  return Fail(FailCode::kBadField, "/ itself can be neither moved nor deleted; name what is in it");
}

absl::Status WrongKind(records::Kind wanted) {
  return wanted == records::KIND_FILE
             ? Fail(FailCode::kNotAFile, "this is a folder; name a file")
             : Fail(FailCode::kNotAFolder, "this is a file; name a folder");
}

}  // namespace

absl::Status Tree::Open() {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto root, edit.Get<records::Inode>(keys::Inode(kRootInode)));
  if (root.has_value()) return absl::OkStatus();
  records::Inode made;
  made.set_created_ms(env_.NowMs());
  made.set_modified_ms(made.created_ms());
  edit.Put(keys::Inode(kRootInode), made);
  return edit.Commit();
}

absl::StatusOr<Tree::Way> Tree::Follow(Transaction& edit, const Path& path) const {
  Way way;
  way.folders.push_back(kRootInode);
  for (size_t i = 0; i < path.size(); ++i) {
    CVG_ASSIGN_OR_RETURN(const auto entry, edit.Get<records::DirectoryEntry>(
                                               keys::Entry(way.folders.back(), path[i])));
    if (i + 1 == path.size()) {
      way.is_whole = true;
      way.last = entry;
    } else if (!entry.has_value() || entry->kind() != records::KIND_FOLDER) {
      way.ends_at_file = entry.has_value();
      break;
    } else {
      way.folders.push_back(entry->inode());
    }
  }
  return way;
}

absl::Status Tree::NoWay(Transaction& edit, const std::string& user, const Way& way) const {
  CVG_ASSIGN_OR_RETURN(const Right right, rights_.Of(edit, user, way.folders));
  if (right < Right::kRead) return Hidden();
  return way.ends_at_file ? WrongKind(records::KIND_FOLDER) : NotThere();
}

absl::StatusOr<Found> Tree::Find(Transaction& edit, const std::string& user, absl::string_view path,
                                 Right need, std::optional<records::Kind> kind) {
  CVG_ASSIGN_OR_RETURN(const Path names, ParsePath(path));
  Found found;
  if (names.empty()) {
    found.inode = kRootInode;
    found.folders = {kRootInode};
  } else {
    CVG_ASSIGN_OR_RETURN(Way way, Follow(edit, names));
    if (!way.last.has_value()) return NoWay(edit, user, way);
    found.inode = way.last->inode();
    found.kind = way.last->kind();
    found.folders = std::move(way.folders);
    if (found.kind == records::KIND_FOLDER) found.folders.push_back(found.inode);
  }
  CVG_ASSIGN_OR_RETURN(found.right, rights_.Of(edit, user, found.folders));
  // If both checks would fail, report the error that reveals less.
  CVG_RETURN_IF_ERROR(Check(found.right, Right::kRead));
  if (kind.has_value() && found.kind != *kind) return WrongKind(*kind);
  CVG_RETURN_IF_ERROR(Check(found.right, need));
  return found;
}

absl::StatusOr<Tree::Place> Tree::PlaceOf(Transaction& edit, absl::string_view path) const {
  CVG_ASSIGN_OR_RETURN(Path names, ParsePath(path));
  if (names.empty()) return IsTheRoot();
  CVG_ASSIGN_OR_RETURN(Way way, Follow(edit, names));
  return Place{std::move(way), std::move(names.back())};
}

absl::Status Tree::CheckParent(Transaction& edit, const std::string& user,
                               absl::Span<const uint64_t> parents) const {
  CVG_ASSIGN_OR_RETURN(const Right right, rights_.Of(edit, user, parents));
  if (parents.size() == 1) return Check(right, Right::kRead);  // All users may make folders in "/".
  return Check(right, Right::kWrite);
}

absl::StatusOr<Tree::Place> Tree::FindPlace(Transaction& edit, const std::string& user,
                                            absl::string_view path, records::Kind kind,
                                            bool replace) const {
  CVG_ASSIGN_OR_RETURN(Place place, PlaceOf(edit, path));
  CVG_RETURN_IF_ERROR(CheckNewName(place.name));
  if (!place.way.is_whole) return NoWay(edit, user, place.way);
  CVG_ASSIGN_OR_RETURN(const Right right, rights_.Of(edit, user, place.way.folders));
  CVG_RETURN_IF_ERROR(Check(right, Right::kRead));
  if (place.way.last.has_value() && replace && place.way.last->kind() != kind) {
    return WrongKind(kind);
  }
  if (place.way.last.has_value() && !replace) {
    return Fail(FailCode::kExists, "there is something of this name; choose another, or delete it");
  }
  const bool is_open = place.way.folders.size() == 1 && kind == records::KIND_FOLDER;
  if (!is_open) CVG_RETURN_IF_ERROR(Check(right, Right::kWrite));
  return place;
}

absl::StatusOr<uint64_t> Tree::Add(Transaction& edit, const std::string& user, const Place& place,
                                   records::Kind kind, bool part) {
  CVG_ASSIGN_OR_RETURN(const uint64_t id, env_.numbers.Next());
  records::Inode inode;
  inode.set_kind(kind);
  inode.set_parent(place.folder());
  inode.set_name(place.name);
  inode.set_owner(user);
  inode.set_created_ms(env_.NowMs());
  inode.set_modified_ms(inode.created_ms());
  if (kind == records::KIND_FOLDER && place.folder() == kRootInode) {
    CVG_RETURN_IF_ERROR(EnterRoot(edit, user, &inode));
  }
  if (part) {
    inode.set_part_due_ms(inode.created_ms() +
                          absl::ToInt64Milliseconds(env_.options.part_lifetime));
    edit.PutText(keys::Part(inode.part_due_ms(), id), "1");
  }
  edit.Put(keys::Inode(id), inode);
  records::DirectoryEntry entry;
  entry.set_inode(id);
  entry.set_kind(kind);
  entry.set_part(part);
  edit.Put(keys::Entry(place.folder(), place.name), entry);
  CVG_RETURN_IF_ERROR(Charge(env_, edit, user, 0, 1));
  return id;
}

absl::Status Tree::CreateFolder(const std::string& user, absl::string_view path) {
  if (path == "/") return Fail(FailCode::kExists, "/ is always there; name a folder in it");
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Place place, FindPlace(edit, user, path, records::KIND_FOLDER));
  CVG_ASSIGN_OR_RETURN(const uint64_t id, Add(edit, user, place, records::KIND_FOLDER));
  rights_.Put(edit, id, user, Right::kAdmin);
  if (place.folder() == kRootInode) rights_.Put(edit, id, kEverybody, Right::kNone);
  CVG_RETURN_IF_ERROR(edit.Commit());
  heights_.OnAdded(place.way.folders);
  return absl::OkStatus();
}

absl::Status Tree::CreateFile(const std::string& user, absl::string_view path, bool part) {
  if (path == "/") return Fail(FailCode::kExists, "/ is a folder; name a file in a folder");
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Place place, FindPlace(edit, user, path, records::KIND_FILE));
  CVG_RETURN_IF_ERROR(Add(edit, user, place, records::KIND_FILE, part).status());
  CVG_RETURN_IF_ERROR(edit.Commit());
  heights_.OnAdded(place.way.folders);
  return absl::OkStatus();
}

absl::Status Tree::EnterRoot(Transaction& edit, const std::string& user,
                             records::Inode* folder) const {
  folder->set_root_user(user);
  return ChargeRootFolder(env_, edit, user, 1);
}

absl::Status Tree::LeaveRoot(Transaction& edit, records::Inode* folder) const {
  if (folder->root_user().empty()) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(ChargeRootFolder(env_, edit, folder->root_user(), -1));
  folder->clear_root_user();
  return absl::OkStatus();
}

absl::Status Tree::Detach(Transaction& edit, const Place& place, uint64_t inode) {
  edit.Delete(keys::Entry(place.folder(), place.name));
  if (place.folder() == kRootInode) {
    CVG_ASSIGN_OR_RETURN(auto record, edit.Get<records::Inode>(keys::Inode(inode)));
    if (!record.has_value()) return absl::DataLossError("the catalog lost an inode");
    CVG_RETURN_IF_ERROR(LeaveRoot(edit, &*record));
    edit.Put(keys::Inode(inode), *record);
  }
  records::Chore chore;
  chore.set_kind(records::Chore::KIND_DELETE);
  edit.Put(keys::Chore(inode), chore);
  return edit.Commit();
}

absl::StatusOr<bool> Tree::HoldsSomething(uint64_t folder) const {
  const std::string entries = keys::Entries(folder);
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(entries, store::PrefixEnd(entries), kIgnoredPartsMax + 1));
  for (const store::KeyValue& row : page.rows) {
    records::DirectoryEntry entry;
    if (!entry.ParseFromString(row.value)) return absl::DataLossError("a damaged entry");
    if (!entry.part()) return true;
  }
  return page.rows.size() > kIgnoredPartsMax || !page.next.empty();
}

absl::StatusOr<uint64_t> Tree::DeleteFolder(const std::string& user, absl::string_view path,
                                            bool recursive) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Place place, PlaceOf(edit, path));
  CVG_ASSIGN_OR_RETURN(const Found found,
                       Find(edit, user, path, Right::kAdmin, records::KIND_FOLDER));
  CVG_RETURN_IF_ERROR(CheckParent(edit, user, place.way.folders));
  if (!recursive) {
    CVG_ASSIGN_OR_RETURN(const bool holds_something, HoldsSomething(found.inode));
    if (holds_something) {
      return Fail(FailCode::kNotEmpty, "the folder is not empty; empty it, or add recursive");
    }
  }
  CVG_RETURN_IF_ERROR(Detach(edit, place, found.inode));
  return found.inode;
}

absl::StatusOr<uint64_t> Tree::DeleteFile(const std::string& user, absl::string_view path) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       Find(edit, user, path, Right::kWrite, records::KIND_FILE));
  CVG_ASSIGN_OR_RETURN(const Place place, PlaceOf(edit, path));
  CVG_RETURN_IF_ERROR(Detach(edit, place, found.inode));
  return found.inode;
}

// A folder moved to "/" becomes private, like one made there. It belongs to the user who moved it.
absl::Status Tree::SettleInRoot(Transaction& edit, const std::string& user, uint64_t folder) const {
  CVG_ASSIGN_OR_RETURN(const auto everybody, rights_.Entry(edit, folder, kEverybody));
  if (!everybody.has_value()) rights_.Put(edit, folder, kEverybody, Right::kNone);
  CVG_ASSIGN_OR_RETURN(const auto own, rights_.Entry(edit, folder, user));
  if (!own.has_value()) rights_.Put(edit, folder, user, Right::kAdmin);
  return absl::OkStatus();
}

absl::Status Tree::MoveEntry(Transaction& edit, const std::string& user, uint64_t id,
                             const Place& from, const Place& to) {
  CVG_ASSIGN_OR_RETURN(auto inode, edit.Get<records::Inode>(keys::Inode(id)));
  if (!inode.has_value()) return absl::DataLossError("the catalog lost an inode");
  if (inode->part_due_ms() != 0) edit.Delete(keys::Part(inode->part_due_ms(), id));
  inode->clear_part_due_ms();
  if (inode->kind() == records::KIND_FOLDER && from.folder() != to.folder()) {
    if (from.folder() == kRootInode) CVG_RETURN_IF_ERROR(LeaveRoot(edit, &*inode));
    if (to.folder() == kRootInode) CVG_RETURN_IF_ERROR(EnterRoot(edit, user, &*inode));
  }
  inode->set_parent(to.folder());
  inode->set_name(to.name);
  edit.Put(keys::Inode(id), *inode);
  records::DirectoryEntry entry = *from.way.last;
  entry.clear_part();
  edit.Delete(keys::Entry(from.folder(), from.name));
  edit.Put(keys::Entry(to.folder(), to.name), entry);  // `from` and `to` may be the same name.
  const bool replaces = to.way.last.has_value() && to.way.last->inode() != id;
  if (!replaces) return absl::OkStatus();
  records::Chore chore;
  chore.set_kind(records::Chore::KIND_DELETE);
  edit.Put(keys::Chore(to.way.last->inode()), chore);
  return absl::OkStatus();
}

absl::Status Tree::Move(const std::string& user, absl::string_view from, absl::string_view to,
                        bool replace) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Place source, PlaceOf(edit, from));
  const auto wanted = replace ? std::optional(records::KIND_FILE) : std::nullopt;
  CVG_ASSIGN_OR_RETURN(const Found found, Find(edit, user, from, Right::kWrite, wanted));
  const bool is_folder = found.kind == records::KIND_FOLDER;
  if (is_folder) {
    CVG_RETURN_IF_ERROR(Check(found.right, Right::kAdmin));
    CVG_RETURN_IF_ERROR(CheckParent(edit, user, source.way.folders));
  }
  CVG_ASSIGN_OR_RETURN(const Place place, FindPlace(edit, user, to, found.kind, replace));
  const std::vector<uint64_t>& folders = place.way.folders;
  if (std::find(folders.begin(), folders.end(), found.inode) != folders.end()) {
    return Fail(FailCode::kBadField, "a folder cannot be moved into itself; choose another place");
  }
  if (is_folder && folders.size() > source.way.folders.size()) {
    CVG_RETURN_IF_ERROR(heights_.Check(found.inode, kPathDepthMax + 1 - folders.size()));
  }
  CVG_RETURN_IF_ERROR(MoveEntry(edit, user, found.inode, source, place));
  // The user who moves a folder stays its admin, whatever the new place inherits.
  if (is_folder && place.folder() != source.folder()) {
    CVG_ASSIGN_OR_RETURN(const auto own, rights_.Entry(edit, found.inode, user));
    if (!own.has_value()) rights_.Put(edit, found.inode, user, Right::kAdmin);
    if (place.folder() == kRootInode) {
      CVG_RETURN_IF_ERROR(SettleInRoot(edit, user, found.inode));
    }
  }
  CVG_RETURN_IF_ERROR(edit.Commit());
  if (is_folder) heights_.OnMovedIn(folders);
  if (!is_folder) heights_.OnAdded(folders);
  return absl::OkStatus();
}

absl::Status Tree::SetPermissions(const std::string& user, absl::string_view path,
                                  const std::string& who, std::optional<Right> right) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       Find(edit, user, path, Right::kAdmin, records::KIND_FOLDER));
  if (found.inode != kRootInode) {
    CVG_ASSIGN_OR_RETURN(const auto decision, rights_.Decide(edit, user, found.folders));
    // The asking user's own entry below "/" is enough, if this call does not change it.
    bool stays = who != user && !decision.is_everybodys && decision.folder.value_or(0) > 0;
    if (!stays) {
      CVG_ASSIGN_OR_RETURN(stays, rights_.SomebodyIsAdmin(found.folders, who, right));
    }
    if (!stays) {
      return Fail(FailCode::kDenied,
                  "nobody would have admin on this folder; give it to somebody "
                  "else first");
    }
  }
  CVG_ASSIGN_OR_RETURN(const auto before, edit.GetText(keys::Permission(found.inode, who)));
  if (right.has_value() && !before.has_value()) {
    CVG_ASSIGN_OR_RETURN(const auto entries, rights_.Entries(found.inode));
    if (entries.size() >= kPermissionsPerFolderMax) {
      return Fail(FailCode::kQuota, absl::StrCat("a folder remembers ", kPermissionsPerFolderMax,
                                                 " people; make another folder for more"));
    }
  }
  if (right.has_value()) {
    rights_.Put(edit, found.inode, who, *right);
  } else {
    rights_.Remove(edit, found.inode, who);
  }
  return edit.Commit();
}

absl::StatusOr<FolderRow> Tree::RowOf(absl::string_view name,
                                      const records::DirectoryEntry& entry) {
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto inode, look.Get<records::Inode>(keys::Inode(entry.inode())));
  if (!inode.has_value()) return absl::DataLossError("the catalog lost an inode");
  return FolderRow{std::string(name), entry.kind() == records::KIND_FOLDER, inode->bytes(),
                   inode->modified_ms(), entry.part()};
}

absl::StatusOr<std::vector<FolderRow>> Tree::List(const std::string& user, absl::string_view path,
                                                  absl::string_view after, int limit) {
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(const Found found,
                       Find(edit, user, path, Right::kRead, records::KIND_FOLDER));
  if (after.size() > kPathNameBytesMax) {
    return Fail(FailCode::kBadField,
                "no name is as long as this `after`; give the last name you got");
  }
  const std::string prefix = keys::Entries(found.inode);
  std::string begin = keys::Entry(found.inode, after);
  if (!after.empty()) begin.push_back('\0');
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(begin, store::PrefixEnd(prefix), limit));
  std::vector<FolderRow> rows;
  for (const store::KeyValue& row : page.rows) {
    records::DirectoryEntry entry;
    if (!entry.ParseFromString(row.value)) return absl::DataLossError("a damaged entry");
    CVG_ASSIGN_OR_RETURN(FolderRow shown,
                         RowOf(absl::string_view(row.key).substr(prefix.size()), entry));
    rows.push_back(std::move(shown));
  }
  return rows;
}

}  // namespace convergia::datamgr
