#include "common/identity/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::identity {
namespace {

absl::Status ErrnoOf(absl::string_view doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", doing, " ", path));
}

absl::Status WriteAll(int fd, absl::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t count = write(fd, contents.data(), contents.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoOf("write", path);
    contents.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(fd) != 0) return ErrnoOf("sync", path);
  return absl::OkStatus();
}

absl::Status WriteNewFile(const std::string& path, absl::string_view contents, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoOf("create", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (fchmod(fd, mode) != 0) return ErrnoOf("set the mode of", path);  // Whatever the umask.
  return WriteAll(fd, contents, path);
}

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoOf("open", folder);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return ErrnoOf("sync", folder);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents, mode_t mode) {
  const std::string temporary = absl::StrCat(path, ".", SecureRandomHex(4), ".tmp");
  absl::Status status = WriteNewFile(temporary, contents, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = ErrnoOf("write", path);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolderOf(path);
}

absl::StatusOr<std::string> ReadFileToString(const std::string& path, size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoOf("open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  std::string contents;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoOf("read", path);
    if (count == 0) return contents;
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " has more than ", bytes_max, " bytes"));
    }
  }
}

}  // namespace convergia::identity
