#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/commands/context.h"
#include "client/files/storage.h"

// What the commands on stored things share.
namespace convergia::client {

// A client for commands that ask and print, and take no messages.
absl::StatusOr<std::unique_ptr<BlockingClient>> ConnectToStorage(CommandContext& context);

// A path as people write it.
struct StoredPath {
  std::string path;        // As the server takes it: without a slash at its end, or two in a row.
  bool is_folder = false;  // It was written with a slash at its end, and so can only be a folder.

  static StoredPath Of(absl::string_view text);
};

// Errors: FailCode::kBadField for a path that would end a field of the protocol.
absl::Status CheckPath(absl::string_view text);

// Errors: kNotAFolder or kNotFound if `path` was written as a folder and is none.
absl::Status CheckIsFolder(Storage& storage, const StoredPath& path);

// What is there. Errors: as CheckIsFolder().
absl::StatusOr<StoredInfo> InfoOf(Storage& storage, const StoredPath& path);

// Where something called `name` goes: into `to` if that is a folder, else to that name, as cp and
// mv do. Errors: as CheckIsFolder().
absl::StatusOr<std::string> PlaceFor(Storage& storage, const StoredPath& to,
                                     absl::string_view name);

// Things that are done one after the other, whatever becomes of the ones before. Each error is
// printed when it comes.
class EachOnItsOwn {
 public:
  void Add(absl::string_view name, const absl::Status& status);
  // With the code of the first error, and no text, since all has been said.
  absl::Status Result() const { return result_; }

 private:
  absl::Status result_;
};

// "1.5 MiB", at most 8 characters.
std::string FormatBytes(uint64_t bytes);

// "2023-11-14 23:13": in local time, as in `ls -l --time-style=long-iso`.
std::string FormatLocalTime(absl::Time time);

// The last name of a path; empty for "/".
std::string LastName(absl::string_view path);

}  // namespace convergia::client
