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
#include "datamgr/catalog/transactions/catalog_env.h"
#include "datamgr/catalog/tree/height_walks.h"
#include "datamgr/catalog/tree/path.h"
#include "datamgr/catalog/tree/rights.h"

namespace convergia::datamgr {

// The file or folder at a path.
struct Found {
  uint64_t inode = 0;
  records::Kind kind = records::KIND_FOLDER;
  std::vector<uint64_t> folders;  // From the root to the folder that decides about rights.
  Right right = Right::kNone;     // The asking user's right there.
};

// One entry of a folder.
struct FolderRow {
  std::string name;
  bool is_folder = false;
  uint64_t bytes = 0;
  int64_t time_ms = 0;  // Milliseconds since 1970. Folders: created. Files: last changed.
  bool is_part = false;
};

// The tree of folders and files, by name. The rights that each operation needs:
//
//   list a folder, GETINFO, read a file     read in the folder (of a file: in its folder)
//   make a file or folder in it             write there; in "/" everybody may make folders
//   write, cut, delete a file               write in its folder
//   move a file                             write in both folders
//   delete or move a folder                 admin on itself; write in the folder it is in and, for
//                                           a move, in the folder it goes to; in "/" everybody may
//   set permissions of a folder             admin on it
//
// A file may be made as a part, which is not whole yet; a move makes it an ordinary file. A folder
// that holds only parts counts as empty. DeferredWork deletes parts that nobody continues.
//
// Without read on the deepest existing folder, every path below returns the same DENIED.
//
// A folder made in "/" is private: its maker has admin, all others have no right, until the maker
// changes that. A deleted file or folder leaves its folder in one commit; DeferredWork deletes its
// content. Not thread-safe.
class Tree {
 public:
  explicit Tree(CatalogEnv* env) : env_(*env), rights_(env), heights_(env) {}

  // Makes the root if it is missing.
  absl::Status Open();

  // Errors of all functions below: kBadField for a path against the rules, kDenied, kNotFound,
  // kNotAFolder, kNotAFile, and those named.

  // Makes an empty folder, or an empty file, which is a part if `part` is set. Errors: kExists,
  // kQuota; kBadField for a name that CheckNewName() refuses.
  absl::Status CreateFolder(const std::string& user, absl::string_view path);
  absl::Status CreateFile(const std::string& user, absl::string_view path, bool part = false);

  // Returns the inode whose content DeferredWork must delete. Errors: kNotEmpty, unless `recursive`
  // is set or the folder holds only parts.
  absl::StatusOr<uint64_t> DeleteFolder(const std::string& user, absl::string_view path,
                                        bool recursive);
  absl::StatusOr<uint64_t> DeleteFile(const std::string& user, absl::string_view path);

  // Moves a file or folder. `to` is the new path itself, not the folder to put it in. `replace`:
  // only a file may move; a file that is at `to` is deleted as by DeleteFile(). Errors: kExists
  // unless `replace`; kBadField for a folder into itself or too deep; CallAgain() while the folder
  // is measured.
  absl::Status Move(const std::string& user, absl::string_view from, absl::string_view to,
                    bool replace = false);

  // `who` is an existing username or "*". `right` nullopt removes the entry, so the folder above
  // decides. Errors: kDenied also if no user would have admin.
  absl::Status SetPermissions(const std::string& user, absl::string_view path,
                              const std::string& who, std::optional<Right> right);

  // At most `limit` entries with names after `after`, in byte order.
  absl::StatusOr<std::vector<FolderRow>> List(const std::string& user, absl::string_view path,
                                              absl::string_view after, int limit);

  // Finds a file or folder, of `kind` if that is given, on which `user` has at least `need`.
  absl::StatusOr<Found> Find(Transaction& edit, const std::string& user, absl::string_view path,
                             Right need, std::optional<records::Kind> kind);

  const Rights& rights() const { return rights_; }

 private:
  // How far a path leads.
  struct Way {
    std::vector<uint64_t> folders;  // The folders on the way, without the last name.
    bool is_whole = false;          // All names but the last are folders.
    bool ends_at_file = false;      // Not whole, because the next name is a file.
    std::optional<records::DirectoryEntry> last;
  };
  // A name in a folder. It is free if `way.last` is nullopt.
  struct Place {
    Way way;
    std::string name;
    uint64_t folder() const { return way.folders.back(); }
  };

  absl::StatusOr<Way> Follow(Transaction& edit, const Path& path) const;
  // The error for a path that does not exist. It tells no more than `user` may know.
  absl::Status NoWay(Transaction& edit, const std::string& user, const Way& way) const;
  // A free name in a folder where `user` may put a `kind`. With `replace`, a file may have the
  // name.
  absl::StatusOr<Place> FindPlace(Transaction& edit, const std::string& user,
                                  absl::string_view path, records::Kind kind,
                                  bool replace = false) const;
  absl::StatusOr<Place> PlaceOf(Transaction& edit, absl::string_view path) const;
  absl::StatusOr<uint64_t> Add(Transaction& edit, const std::string& user, const Place& place,
                               records::Kind kind, bool part = false);
  // Whether a folder holds anything but parts. After kIgnoredPartsMax parts the answer is true.
  absl::StatusOr<bool> HoldsSomething(uint64_t folder) const;
  // Moves the entry of `from` to `to`. The caller has checked that the move is allowed.
  absl::Status MoveEntry(Transaction& edit, const std::string& user, uint64_t id, const Place& from,
                         const Place& to);
  absl::Status Detach(Transaction& edit, const Place& place, uint64_t inode);
  // Count a folder that leaves "/", or enters it, for the user who brought it there or brings it
  // now.
  absl::Status LeaveRoot(Transaction& edit, records::Inode* folder) const;
  absl::Status EnterRoot(Transaction& edit, const std::string& user, records::Inode* folder) const;
  // Whether `user` may take a folder out of the last of `parents`, or put it there.
  absl::Status CheckParent(Transaction& edit, const std::string& user,
                           absl::Span<const uint64_t> parents) const;
  absl::Status SettleInRoot(Transaction& edit, const std::string& user, uint64_t folder) const;
  absl::StatusOr<FolderRow> RowOf(absl::string_view name, const records::DirectoryEntry& entry);

  CatalogEnv& env_;
  Rights rights_;
  HeightWalks heights_;
};

}  // namespace convergia::datamgr
