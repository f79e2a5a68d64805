#include "client/commands/stored.h"

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/files/transfer.h"
#include "client/output/text.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {

StoredPath StoredPath::Of(absl::string_view text) {
  StoredPath path;
  for (const char c : text) {
    if (c != '/' || !absl::EndsWith(path.path, "/")) path.path.push_back(c);
  }
  path.is_folder = absl::EndsWith(path.path, "/");
  if (path.is_folder && path.path.size() > 1) path.path.pop_back();
  return path;
}

absl::Status CheckPath(absl::string_view text) {
  if (text.empty()) return Fail(FailCode::kBadField, "\"\": a path cannot be empty");
  if (!absl::StrContains(text, '\n')) return absl::OkStatus();
  return Fail(FailCode::kBadField, absl::StrCat(text, ": a path cannot contain line breaks"));
}

absl::Status CheckIsFolder(Storage& storage, const StoredPath& path) {
  return path.is_folder ? InfoOf(storage, path).status() : absl::OkStatus();
}

absl::StatusOr<StoredInfo> InfoOf(Storage& storage, const StoredPath& path) {
  absl::StatusOr<StoredInfo> info = storage.GetInfo(path.path);
  if (!info.ok()) return About(path.path, info.status());
  if (info->is_folder || !path.is_folder) return info;
  return Fail(FailCode::kNotAFolder, absl::StrCat(path.path, " is a file, not a folder"));
}

absl::StatusOr<std::string> PlaceFor(Storage& storage, const StoredPath& to,
                                     absl::string_view name) {
  const absl::StatusOr<StoredInfo> info = InfoOf(storage, to);
  if (info.ok() && info->is_folder) return JoinPath(to.path, name);
  // Without a slash it is a new name. Other mistakes show when that is made.
  if (!to.is_folder) return to.path;
  if (FailCodeOf(info.status()) != FailCode::kNotFound) return info.status();
  return Fail(FailCode::kNotFound,
              absl::StrCat("there is no folder ", to.path, "; make it with `convergia mkdir`"));
}

absl::StatusOr<Username> ParseRecipient(absl::string_view text) {
  absl::StatusOr<Username> user = Username::Parse(text);
  if (user.ok()) return user;
  return Fail(FailCode::kBadField,
              absl::StrCat("\"", text, "\" is not a recipient: ", user.status().message()));
}

void EachOnItsOwn::Add(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return;
  std::cout.flush();
  std::cerr << ErrorLine(About(name, status).message());
  if (result_.ok()) result_ = Fail(FailCodeOf(status), "");
}

absl::StatusOr<std::unique_ptr<BlockingClient>> ConnectToStorage(CommandContext& context) {
  return context.Connect(nullptr, BlockingClient::Messages::kToObserver);
}

std::string LastName(absl::string_view path) {
  while (absl::ConsumeSuffix(&path, "/")) {
  }
  const size_t slash = path.rfind('/');
  return std::string(slash == absl::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace convergia::client
