#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tests/model/core/command.h"

namespace convergia::testing {

using SharedBytes = std::shared_ptr<const std::string>;

enum class Right { kNone, kRead, kWrite, kAdmin };

// Files and folders as docs/PROTOCOL.md specifies them, by whole paths: no inodes, pieces or store.
// Copies are cheap because they share bytes.
class FolderModel {
 public:
  struct Node {
    bool is_folder = false;
    std::string owner;
    SharedBytes bytes = std::make_shared<const std::string>();
    std::map<std::string, Right> rights;  // Of folders.
    bool is_part = false;

    friend bool operator==(const Node& a, const Node& b);
  };

  // `root_admin` has admin on "/".
  explicit FolderModel(const std::string& root_admin);

  Answer CreateFolder(const std::string& user, const std::string& path);
  Answer CreateFile(const std::string& user, const std::string& path, bool part);
  Answer Delete(const std::string& user, const std::string& path, bool recursive);
  Answer DeleteFile(const std::string& user, const std::string& path);
  Answer Move(const std::string& user, const std::string& from, const std::string& to,
              bool replace);
  // `right` nullopt: the entry is removed.
  Answer SetPermissions(const std::string& user, const std::string& path, const std::string& who,
                        std::optional<Right> right);
  Answer Write(const std::string& user, const std::string& path, uint64_t offset,
               const std::string& data);
  // `is_version_known` false: the request names a version that no file has.
  Answer Read(const std::string& user, const std::string& path, uint64_t offset, uint64_t length,
              bool is_version_known) const;
  Answer Truncate(const std::string& user, const std::string& path, uint64_t size);
  Answer List(const std::string& user, const std::string& path, const std::string& after,
              uint64_t limit) const;
  Answer Describe(const std::string& user, const std::string& path) const;

  const std::map<std::string, Node>& nodes() const { return nodes_; }
  // The right of `user` on `path`, or on the deepest existing folder above it.
  Right RightAt(const std::string& user, const std::string& path) const {
    return RightOf(user, FolderOf(path));
  }
  friend bool operator==(const FolderModel& a, const FolderModel& b) {
    return a.nodes_ == b.nodes_;
  }

 private:
  const Node* Get(const std::string& path) const;
  // Whether a folder has content other than parts.
  bool HasChildren(const std::string& path) const;
  // `path` itself if it is a folder, else the deepest existing folder above it.
  std::string FolderOf(std::string path) const;
  // The entry that decides for `user` in `folder`: its name, its right, and its folder.
  struct Decision {
    std::string who;
    Right right = Right::kNone;
    std::string folder;
  };
  Decision Decide(const std::string& user, std::string folder) const;
  Right RightOf(const std::string& user, std::string folder) const {
    return Decide(user, std::move(folder)).right;
  }
  bool SomebodyIsAdmin(std::string folder) const;

  // These return "OK", or the code of the error.
  std::string Missing(const std::string& path) const;
  std::string Find(const std::string& user, const std::string& path, Right need,
                   std::optional<bool> folder) const;
  std::string Place(const std::string& user, const std::string& path, bool folder,
                    bool replace = false) const;
  std::string MayLeave(const std::string& user, const std::string& path) const;

  std::map<std::string, Node> nodes_;
};

// Whether docs/PROTOCOL.md allows `path`.
bool IsPath(absl::string_view path);
// Whether `text` is UTF-8 without control characters.
bool IsText(absl::string_view text);
std::string ParentOf(const std::string& path);
absl::string_view WordOf(Right right);

}  // namespace convergia::testing
