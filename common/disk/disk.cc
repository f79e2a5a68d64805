#include "common/disk/disk.h"

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::disk {

bool IsNoSpace(const absl::Status& status) {
  return !status.ok() && FailCodeOf(status) == FailCode::kNoSpace;
}

absl::Status ReadFully(const File& file, uint64_t offset, absl::Span<char> into) {
  CVG_ASSIGN_OR_RETURN(const size_t count, file.ReadAt(offset, into));
  if (count == into.size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("the file ends at ", offset + count, ", before ", offset + into.size()));
}

absl::StatusOr<std::string> ReadFile(Disk& disk, const std::string& path, size_t bytes_max) {
  CVG_ASSIGN_OR_RETURN(const auto file, disk.Open(path, OpenMode::kRead));
  CVG_ASSIGN_OR_RETURN(const uint64_t bytes, file->Size());
  if (bytes > bytes_max) {
    return absl::OutOfRangeError(absl::StrCat(path, " has more than ", bytes_max, " bytes"));
  }
  std::string contents(bytes, '\0');
  CVG_RETURN_IF_ERROR(ReadFully(*file, 0, absl::MakeSpan(contents)));
  return contents;
}

absl::Status WriteFileAtomically(Disk& disk, const std::string& path, absl::string_view contents) {
  const std::string next = absl::StrCat(path, ".next");
  {
    CVG_ASSIGN_OR_RETURN(const auto file, disk.Open(next, OpenMode::kCreateEmpty));
    CVG_RETURN_IF_ERROR(file->Append({contents}));
    CVG_RETURN_IF_ERROR(file->Sync());
  }
  CVG_RETURN_IF_ERROR(disk.Rename(next, path));
  return disk.SyncFolder(FolderOf(path));
}

absl::Status RemoveTree(Disk& disk, const std::string& path) {
  const absl::StatusOr<FileFacts> facts = disk.Inspect(path);
  if (absl::IsNotFound(facts.status())) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(facts.status());
  if (facts->is_folder) {
    CVG_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(path));
    for (const std::string& name : names) {
      CVG_RETURN_IF_ERROR(RemoveTree(disk, absl::StrCat(path, "/", name)));
    }
  }
  return disk.Remove(path);
}

std::string FolderOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace convergia::disk
