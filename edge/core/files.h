#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/limits.h"
#include "edge/core/caller.h"

// The operations on folders and files. DataCore runs them. Paths, names and users are the client's
// bytes, which datamgr checks. docs/PROTOCOL.md describes each operation and its errors under the
// command of the same name.
namespace convergia::edge {

struct CreateFolder {
  using Result = Nothing;
  std::string path;
};

struct DeleteFolder {
  using Result = Nothing;
  std::string path;
  bool recursive = false;
};

struct SetPermissions {
  using Result = Nothing;
  std::string path;
  std::string who;    // A username, or "*".
  std::string right;  // none, read, write, admin or inherit.
};

struct CreateFile {
  using Result = Nothing;
  std::string path;
  bool part = false;
};

struct WriteFile {
  using Result = uint64_t;  // The file's size in bytes after the write.
  std::string path;
  uint64_t offset = 0;
  std::string data;
};

struct ReadFile {
  using Result = std::string;  // Perhaps fewer bytes than asked for; none only at the end.
  std::string path;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::optional<uint64_t> version;  // If set, reads only this content; NOTFOUND if the file has
                                    // another one now.
};

struct TruncateFile {
  using Result = Nothing;
  std::string path;
  uint64_t bytes = 0;
};

struct Move {
  using Result = Nothing;
  std::string from;
  std::string to;
  bool replace = false;
};

struct DeleteFile {
  using Result = Nothing;
  std::string path;
};

struct FolderEntry {
  std::string name;
  bool is_folder = false;
  bool is_part = false;
  uint64_t bytes = 0;
  absl::Time changed;
};

struct ListFolder {
  using Result = std::vector<FolderEntry>;
  std::string path;
  std::string after;  // Only names greater than this one, in byte order.
  uint32_t limit = limits::kStorageRowsMax;
};

struct PermissionEntry {
  std::string who;
  std::string right;
};

struct VolumeInfo {
  uint64_t volume = 0;
  bool is_volatile = false;
  uint32_t copies_wanted = 0;
  std::vector<std::string> servers_online;
  std::vector<std::string> servers_offline;
};

struct FileInfo {
  bool is_folder = false;
  bool is_part = false;
  uint64_t bytes = 0;
  absl::Time created;
  absl::Time changed;
  std::string owner;
  std::string right;  // The caller's: read, write or admin.
  uint64_t id = 0;
  uint64_t version = 0;  // Of a file's content.
  std::string hash;      // Of a file's content, 32 bytes; empty while it is not known.
  std::vector<PermissionEntry> permissions;
  // The entry on a folder above that decides the caller's right, and that folder's path.
  std::optional<std::pair<PermissionEntry, std::string>> inherited;
  std::vector<VolumeInfo> volumes;
};

struct GetInfo {
  using Result = FileInfo;
  std::string path;
};

}  // namespace convergia::edge
