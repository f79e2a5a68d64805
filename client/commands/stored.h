#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/files/storage.h"
#include "client/profile/context.h"
#include "common/base/ids.h"

// Shared by the commands on stored things and by those that send messages.
namespace convergia::client {

// Connects a client for commands that send requests and print answers. Messages are ignored.
absl::StatusOr<std::unique_ptr<BlockingClient>> ConnectToStorage(CommandContext& context);

// A path as people type it.
struct StoredPath {
  std::string path;        // As the server needs it: no slash at the end, no two in a row.
  bool is_folder = false;  // Typed with a slash at its end, so it must be a folder.

  static StoredPath Of(absl::string_view text);
};

// Errors: FailCode::kBadField for a path with a line break, which would end a field of the
// protocol.
absl::Status CheckPath(absl::string_view text);

// Errors: kNotAFolder or kNotFound if `path` was typed as a folder but is not one.
absl::Status CheckIsFolder(Storage& storage, const StoredPath& path);

// The answer of GETINFO for `path`. Errors: as CheckIsFolder().
absl::StatusOr<StoredInfo> InfoOf(Storage& storage, const StoredPath& path);

// The new path of something called `name`: in `to` if that is a folder, else `to` itself, as with
// cp and mv. Errors: as CheckIsFolder().
absl::StatusOr<std::string> PlaceFor(Storage& storage, const StoredPath& to,
                                     absl::string_view name);

// The username of a recipient as people type it. Errors: FailCode::kBadField; the text names it.
absl::StatusOr<Username> ParseRecipient(absl::string_view text);

// Several actions of one command, each independent of the others. Each error is printed at once.
class EachOnItsOwn {
 public:
  void Add(absl::string_view name, const absl::Status& status);
  // The code of the first error, without a text, since all were printed.
  absl::Status Result() const { return result_; }

 private:
  absl::Status result_;
};

// The last name of a path; empty for "/".
std::string LastName(absl::string_view path);

}  // namespace convergia::client
