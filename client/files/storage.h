#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connect/requester.h"

// What is stored, call by call (docs/PROTOCOL.md has each command). Nothing here keeps state, so
// all of it is as thread-safe as the requester, which must outlive it. Errors: Requester's, and
// FailCode::kInternal for answers that cannot be read.
namespace convergia::client {

struct StoredEntry {
  std::string name;  // Within its folder.
  bool is_folder = false;
  uint64_t bytes = 0;
  absl::Time changed;
  bool is_part = false;  // A file that is being brought: see CreateFile().

  friend bool operator==(const StoredEntry&, const StoredEntry&) = default;
};

struct StoredInfo {
  bool is_folder = false;
  uint64_t bytes = 0;
  absl::Time changed;
  bool is_part = false;
  uint64_t id = 0;       // Of this file or folder, whatever it is called; never another's.
  uint64_t version = 0;  // Of files: of this content. No other content ever has it, of no file.
  // Of files: of the content, as common/base/tree_hash.h has it, in hexadecimal. Not always known.
  std::optional<std::string> hash;
  std::vector<std::vector<std::string>> rows;  // All that the server tells: keys and values.
};

// Files and folders. Paths are absolute, "/a/b".
class Storage {
 public:
  explicit Storage(Requester* requester) : requester_(requester) {}

  absl::Status CreateFolder(absl::string_view path);
  // `recursive`: with all that is in it; else it must be empty.
  absl::Status DeleteFolder(absl::string_view path, bool recursive);
  // `user` may be "*"; `permission` is none, read, write or admin.
  absl::Status SetPermission(absl::string_view path, absl::string_view user,
                             absl::string_view permission);
  // `part`: it is not whole yet. Its folder can be deleted as if it were not there, and the server
  // deletes it when nothing was written to it for days. Move() makes it a file like others.
  absl::Status CreateFile(absl::string_view path, bool part = false);
  absl::Status DeleteFile(absl::string_view path);
  // `replace`: of a file, onto another file or a free name, in one step: whoever looks meanwhile
  // sees the one or the other. FailCode::kNotAFile if either is a folder.
  absl::Status Move(absl::string_view from, absl::string_view to, bool replace = false);
  absl::Status Truncate(absl::string_view path, uint64_t bytes);

  // At most kPieceBytesMax. The file's size after it.
  absl::StatusOr<uint64_t> Write(absl::string_view path, uint64_t offset, absl::string_view bytes);
  // At most kPieceBytesMax; perhaps fewer, but none only at the end of the file. With `version`:
  // FailCode::kNotFound once there is other content at this path.
  absl::StatusOr<std::string> Read(absl::string_view path, uint64_t offset, uint64_t length,
                                   std::optional<uint64_t> version = std::nullopt);

  // One page: at most `limit` entries behind the name `after`, by name.
  absl::StatusOr<std::vector<StoredEntry>> ListPage(absl::string_view path, absl::string_view after,
                                                    int limit);
  // All pages.
  absl::StatusOr<std::vector<StoredEntry>> ListFolder(absl::string_view path);
  absl::StatusOr<StoredInfo> GetInfo(absl::string_view path);

 private:
  absl::Status Do(absl::string_view word, std::vector<std::string> fields);

  Requester* const requester_;
};

struct StoredMessage {
  std::string id;
  std::string from;
  uint64_t bytes = 0;
  absl::Time sent;
};

// Offline messages: those that wait for this user, and those this user writes.
class Mailbox {
 public:
  explicit Mailbox(Requester* requester) : requester_(requester) {}

  // A draft to `recipients`; its id.
  absl::StatusOr<std::string> Begin(const std::vector<std::string>& recipients);
  // At most kPieceBytesMax. The draft's size after it.
  absl::StatusOr<uint64_t> Append(absl::string_view draft, absl::string_view bytes);
  absl::Status Send(absl::string_view draft);
  absl::Status Cancel(absl::string_view draft);

  absl::StatusOr<std::vector<StoredMessage>> List();
  absl::StatusOr<std::string> Read(absl::string_view id, uint64_t offset, uint64_t length);
  absl::Status Delete(absl::string_view id);

 private:
  Requester* const requester_;
};

struct MetadataEntry {
  std::string key;
  uint64_t bytes = 0;  // Of its value.
};

// Small things that users tell about themselves.
class Metadata {
 public:
  explicit Metadata(Requester* requester) : requester_(requester) {}

  absl::Status Set(absl::string_view key, absl::string_view value);
  absl::StatusOr<std::string> Get(absl::string_view user, absl::string_view key);
  absl::StatusOr<std::vector<MetadataEntry>> List(absl::string_view user);
  absl::Status Delete(absl::string_view key);

 private:
  Requester* const requester_;
};

// Of one WRITEFILE, READFILE or APPENDOFFLINEMESSAGE.
inline constexpr uint64_t kPieceBytesMax = 1024 * 1024;

// Of one LISTFOLDER or LISTOFFLINEMESSAGES.
inline constexpr int kStoredRowsMax = 1'000;

// Whether the same request may do better a little later: the way to the main server, or to what is
// behind it, is closed at the moment.
bool MayPassLater(const absl::Status& status);

}  // namespace convergia::client
