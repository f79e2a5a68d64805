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

// The commands on stored things as calls (docs/PROTOCOL.md has each command). The classes keep no
// state, so they are as thread-safe as the requester, which must outlive them. Errors: those of
// Requester; FailCode::kInternal for answers that cannot be parsed.
namespace convergia::client {

struct StoredEntry {
  std::string name;  // Within its folder.
  bool is_folder = false;
  uint64_t bytes = 0;
  absl::Time changed;
  bool is_part = false;  // A file that is still being sent: see CreateFile().

  friend bool operator==(const StoredEntry&, const StoredEntry&) = default;
};

struct StoredInfo {
  bool is_folder = false;
  uint64_t bytes = 0;
  absl::Time changed;
  bool is_part = false;
  uint64_t id = 0;       // It stays after a move and is never given to another file or folder.
  uint64_t version = 0;  // Of a file's content; no other content of any file ever has it.
  // Of a file's content, in hexadecimal (common/base/hash/tree_hash.h). It is not always known.
  std::optional<std::string> hash;
  std::vector<std::vector<std::string>> rows;  // Every row of the answer: key, values.
};

// Files and folders. Paths are absolute, "/a/b".
class Storage {
 public:
  explicit Storage(Requester* requester) : requester_(requester) {}

  absl::Status CreateFolder(absl::string_view path);
  // `recursive`: with all its content. Otherwise the folder must be empty.
  absl::Status DeleteFolder(absl::string_view path, bool recursive);
  // `user` may be "*"; `permission` is none, read, write or admin.
  absl::Status SetPermission(absl::string_view path, absl::string_view user,
                             absl::string_view permission);
  // `part`: the file is not whole yet. A folder that holds only parts counts as empty, and the
  // server deletes a part that is not written to for some days. Move() makes it an ordinary file.
  absl::Status CreateFile(absl::string_view path, bool part = false);
  absl::Status DeleteFile(absl::string_view path);
  // `replace`: moves a file onto another file or a free name in one step. A reader finds either the
  // old or the new file. Errors then: FailCode::kNotAFile if either is a folder.
  absl::Status Move(absl::string_view from, absl::string_view to, bool replace = false);
  absl::Status Truncate(absl::string_view path, uint64_t bytes);

  // Writes at most kPieceBytesMax. Returns the file's new size.
  absl::StatusOr<uint64_t> Write(absl::string_view path, uint64_t offset, absl::string_view bytes);
  // Reads at most kPieceBytesMax. The result may be shorter than `length`, but it is empty only at
  // the end of the file. With `version`: FailCode::kNotFound if the content at this path is another
  // one.
  absl::StatusOr<std::string> Read(absl::string_view path, uint64_t offset, uint64_t length,
                                   std::optional<uint64_t> version = std::nullopt);

  // One page: at most `limit` entries after the name `after`, in the order of names.
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

// Offline messages: those that wait for this user, and drafts of this user.
class Mailbox {
 public:
  explicit Mailbox(Requester* requester) : requester_(requester) {}

  // Makes a draft to `recipients`. Returns its id.
  absl::StatusOr<std::string> Begin(const std::vector<std::string>& recipients);
  // Appends at most kPieceBytesMax. Returns the draft's new size.
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

// Metadata: short values that users publish about themselves.
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

// The most bytes of one WRITEFILE, READFILE or APPENDOFFLINEMESSAGE.
inline constexpr uint64_t kPieceBytesMax = 1024 * 1024;

// The most rows of one LISTFOLDER or LISTOFFLINEMESSAGES.
inline constexpr int kStoredRowsMax = 1'000;

// Whether the same request may succeed a little later, because the main server or a server behind
// it cannot be reached now.
bool MayPassLater(const absl::Status& status);

// Whether a transfer of any further file would fail in the same way: no room on either side, or the
// servers stay away.
bool EndsAllTransfers(const absl::Status& status);

}  // namespace convergia::client
