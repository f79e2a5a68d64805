#include "dataserver/store/store_folder.h"

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {
namespace {

constexpr absl::string_view kTitle = "convergia data folder 1\n";
constexpr size_t kIdentityBytesMax = 4096;

std::string ChecksumLine(absl::string_view text) {
  return absl::StrFormat("checksum %016x\n", Checksum(text));
}

std::string IdentityText(const StoreOwner& owner, const std::string& store_id) {
  const std::string text = absl::StrCat(kTitle, "cluster ", owner.cluster, "\nnode ", owner.node,
                                        "\nstore ", store_id, "\n");
  return absl::StrCat(text, ChecksumLine(text));
}

absl::flat_hash_map<std::string, std::string> ParseIdentity(absl::string_view text) {
  absl::flat_hash_map<std::string, std::string> values;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    values[std::string(parts.first)] = std::string(parts.second);
  }
  return values;
}

bool IsWhole(absl::string_view text) {
  const size_t last = text.rfind("checksum ");
  return absl::StartsWith(text, kTitle) && last != absl::string_view::npos &&
         text.substr(last) == ChecksumLine(text.substr(0, last));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreFolder>> StoreFolder::Open(disk::Disk& disk,
                                                               const std::string& dir,
                                                               const StoreOwner& owner) {
  CVG_RETURN_IF_ERROR(disk.MakeFolder(dir));
  CVG_RETURN_IF_ERROR(disk.SyncFolder(disk::FolderOf(dir)));
  CVG_ASSIGN_OR_RETURN(auto lock, disk.TakeLock(absl::StrCat(dir, "/LOCK")));
  std::unique_ptr<StoreFolder> folder(new StoreFolder(dir, std::move(lock)));
  CVG_RETURN_IF_ERROR(folder->Identify(disk, owner));
  CVG_RETURN_IF_ERROR(disk.MakeFolder(folder->segments()));
  CVG_RETURN_IF_ERROR(disk.MakeFolder(folder->index()));
  CVG_RETURN_IF_ERROR(disk.SyncFolder(dir));
  return folder;
}

absl::Status StoreFolder::Identify(disk::Disk& disk, const StoreOwner& owner) {
  const absl::StatusOr<std::string> text =
      disk::ReadFile(disk, dir_ + "/IDENTITY", kIdentityBytesMax);
  if (absl::IsNotFound(text.status())) return Found(disk, owner);
  CVG_RETURN_IF_ERROR(text.status());
  if (!IsWhole(*text)) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir_, "/IDENTITY is damaged. If you are sure that this folder is node ",
                     owner.node, "'s, put back the file from a backup"));
  }
  auto values = ParseIdentity(*text);
  if (values["cluster"] != owner.cluster) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir_, " holds data of another cluster: give this node a folder of its own"));
  }
  if (values["node"] != owner.node) {
    return absl::FailedPreconditionError(absl::StrCat(dir_, " holds the data of node ",
                                                      values["node"], ", not ", owner.node,
                                                      ": give this node a folder of its own"));
  }
  store_id_ = values["store"];
  return absl::OkStatus();
}

absl::Status StoreFolder::Found(disk::Disk& disk, const StoreOwner& owner) {
  CVG_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(dir_));
  for (const std::string& name : names) {
    // Files of a first start that was cut short hold no data.
    if (name == "LOCK" || absl::StartsWith(name, "IDENTITY.")) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        dir_, " has no IDENTITY, but ", name, ": give the data server an empty folder of its own"));
  }
  store_id_ = SecureRandomHex(8);
  return disk::WriteFileAtomically(disk, dir_ + "/IDENTITY", IdentityText(owner, store_id_));
}

}  // namespace convergia::dataserver
