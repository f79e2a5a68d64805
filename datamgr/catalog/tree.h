#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/height_walks.h"
#include "datamgr/catalog/path.h"
#include "datamgr/catalog/rights.h"

namespace convergia::datamgr {

// What a path leads to.
struct Found {
  uint64_t inode = 0;
  records::Kind kind = records::KIND_FOLDER;
  std::vector<uint64_t> folders;  // From the root to the folder that decides about rights.
  Right right = Right::kNone;     // Of the asking user there.
};

struct FolderRow {
  std::string name;
  bool is_folder = false;
  uint64_t bytes = 0;
  int64_t time_ms = 0;  // Folders: made. Files: last changed.
  bool is_part = false;
};

// The folders and what is in them, by name. The rights that each operation needs:
//
//   list a folder, GETINFO, read a file     read in the folder (of a file: in its folder)
//   make a file or folder in it             write there; in "/" everybody may make folders
//   write, cut, delete a file               write in its folder
//   move a file                             write in both folders
//   delete or move a folder                 admin on itself; write in the folder it is in and, for
//                                           a move, in the folder it goes to; in "/" everybody may
//   set permissions of a folder             admin on it
//
// A file may be made as a part: it is not whole yet. A move ends that. A folder that holds only
// parts counts as empty. DeferredWork deletes parts that nobody continues.
//
// Without read on the deepest existing folder, every path below returns the same DENIED.
//
// A folder made in "/" is private: its maker has admin, everybody else nothing, until the maker
// changes that. A deleted file or folder leaves its folder in one commit; DeferredWork deletes its
// content. Not thread-safe.
class Tree {
 public:
  explicit Tree(CatalogEnv* env) : env_(*env), rights_(env), heights_(env) {}

  // Makes the root, if it is not there.
  absl::Status Open();

  // Errors of all below: kBadField for a path against the rules, kDenied, kNotFound, kNotAFolder,
  // kNotAFile, and those named.

  // Errors: kExists, kQuota; kBadField for a name that a new thing may not have (CheckNewName()).
  absl::Status CreateFolder(const std::string& user, absl::string_view path);
  absl::Status CreateFile(const std::string& user, absl::string_view path, bool part = false);

  // Returns the inode whose content DeferredWork has to delete. Errors: kNotEmpty unless
  // `recursive`, or unless the folder holds only parts.
  absl::StatusOr<uint64_t> DeleteFolder(const std::string& user, absl::string_view path,
                                        bool recursive);
  absl::StatusOr<uint64_t> DeleteFile(const std::string& user, absl::string_view path);

  // `to` is the new path itself, not the folder to put it in. `replace`: a file takes the place of
  // the file that is there, if there is one, which is gone as by DeleteFile(). Errors: kExists
  // unless `replace`; kBadField for a folder into itself, or too deep; CallAgain() while the folder
  // is measured.
  absl::Status Move(const std::string& user, absl::string_view from, absl::string_view to,
                    bool replace = false);

  // `who` is a username, which is known to exist, or "*". `right` nothing: as the folder above
  // says. Errors: kDenied also if nobody would have admin.
  absl::Status SetPermissions(const std::string& user, absl::string_view path,
                              const std::string& who, std::optional<Right> right);

  // Names behind `after`, in the order of their bytes.
  absl::StatusOr<std::vector<FolderRow>> List(const std::string& user, absl::string_view path,
                                              absl::string_view after, int limit);

  // A file (or folder, if `kind` says so) that `user` has at least `need` on.
  absl::StatusOr<Found> Find(Transaction& edit, const std::string& user, absl::string_view path,
                             Right need, std::optional<records::Kind> kind);

  const Rights& rights() const { return rights_; }

 private:
  // How far a path leads.
  struct Way {
    std::vector<uint64_t> folders;  // Those on the way, the last name not among them.
    bool is_whole = false;          // All names but the last are folders.
    bool ends_at_file = false;      // Not whole: the next name is that of a file.
    std::optional<records::DirectoryEntry> last;
  };
  // A name that is free, or taken.
  struct Place {
    Way way;
    std::string name;
    uint64_t folder() const { return way.folders.back(); }
  };

  absl::StatusOr<Way> Follow(Transaction& edit, const Path& path) const;
  // Why a way leads nowhere, as far as `user` may know.
  absl::Status NoWay(Transaction& edit, const std::string& user, const Way& way) const;
  // A free name in a folder where `user` may put a thing of `kind`; with `replace` perhaps that of
  // a file.
  absl::StatusOr<Place> FindPlace(Transaction& edit, const std::string& user,
                                  absl::string_view path, records::Kind kind,
                                  bool replace = false) const;
  absl::StatusOr<Place> PlaceOf(Transaction& edit, absl::string_view path) const;
  absl::StatusOr<uint64_t> Add(Transaction& edit, const std::string& user, const Place& place,
                               records::Kind kind, bool part = false);
  // Whether a folder holds anything but parts, as far as that is looked for.
  absl::StatusOr<bool> HoldsSomething(uint64_t folder) const;
  // The names, of a move that may be done.
  absl::Status MoveEntry(Transaction& edit, const std::string& user, uint64_t id, const Place& from,
                         const Place& to);
  absl::Status Detach(Transaction& edit, const Place& place, uint64_t inode);
  // A folder leaves "/" or comes there: counts it for `user`, who brings it, or no longer.
  absl::Status LeaveRoot(Transaction& edit, records::Inode* folder) const;
  absl::Status EnterRoot(Transaction& edit, const std::string& user, records::Inode* folder) const;
  // Whether `user` may take a folder out of `parents`, or put it there.
  absl::Status CheckParent(Transaction& edit, const std::string& user,
                           absl::Span<const uint64_t> parents) const;
  absl::Status SettleInRoot(Transaction& edit, const std::string& user, uint64_t folder) const;
  absl::StatusOr<FolderRow> RowOf(absl::string_view name, const records::DirectoryEntry& entry);

  CatalogEnv& env_;
  Rights rights_;
  HeightWalks heights_;
};

}  // namespace convergia::datamgr
