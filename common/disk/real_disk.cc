#include "common/disk/real_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::disk {
namespace {

absl::Status ErrorOf(int error, absl::string_view doing, const std::string& path) {
  const std::string text = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Fail(FailCode::kNoSpace, text);
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    default:
      return absl::UnavailableError(text);
  }
}
absl::Status ErrnoOf(absl::string_view doing, const std::string& path) {
  return ErrorOf(errno, doing, path);
}

// Takes `count` written bytes off the front of `pieces`.
void Advance(absl::InlinedVector<iovec, 8>* pieces, size_t* first, size_t count) {
  while (count > 0) {
    iovec& piece = (*pieces)[*first];
    if (count < piece.iov_len) {
      piece.iov_base = static_cast<char*>(piece.iov_base) + count;
      piece.iov_len -= count;
      return;
    }
    count -= piece.iov_len;
    ++*first;
  }
}

class RealFile final : public File {
 public:
  RealFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~RealFile() override { close(fd_); }

  absl::Status Append(absl::Span<const absl::string_view> pieces) override {
    absl::InlinedVector<iovec, 8> left;
    for (const absl::string_view piece : pieces) {
      if (!piece.empty()) left.push_back({const_cast<char*>(piece.data()), piece.size()});
    }
    size_t first = 0;
    while (first < left.size()) {
      const int count = static_cast<int>(std::min<size_t>(left.size() - first, IOV_MAX));
      const ssize_t written = writev(fd_, &left[first], count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoOf("write", path_);
      Advance(&left, &first, static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t count =
          pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoOf("read", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  absl::Status Sync() override {
    return fdatasync(fd_) == 0 ? absl::OkStatus() : ErrnoOf("sync", path_);
  }

  absl::Status Truncate(uint64_t bytes) override {
    return ftruncate(fd_, static_cast<off_t>(bytes)) == 0 ? absl::OkStatus()
                                                          : ErrnoOf("truncate", path_);
  }

  absl::Status Allocate(uint64_t bytes) override {
    const int error = posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
    return error == 0 ? absl::OkStatus() : ErrorOf(error, "reserve room for", path_);
  }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat facts;
    if (fstat(fd_, &facts) != 0) return ErrnoOf("inspect", path_);
    return static_cast<uint64_t>(facts.st_size);
  }

  void DropCache(uint64_t offset, uint64_t bytes) const override {
    posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
  }

 private:
  const int fd_;
  const std::string path_;
};

class RealLock final : public Lock {
 public:
  explicit RealLock(int fd) : fd_(fd) {}
  ~RealLock() override { close(fd_); }

 private:
  const int fd_;
};

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadAppend:
      return O_RDWR | O_APPEND;
    case OpenMode::kCreate:
      return O_RDWR | O_APPEND | O_CREAT | O_EXCL;
    case OpenMode::kCreateEmpty:
      return O_RDWR | O_APPEND | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

class TheRealDisk final : public Disk {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    const int fd = open(path.c_str(), FlagsOf(mode) | O_CLOEXEC, 0600);
    if (fd < 0) return ErrnoOf("open", path);
    return std::make_unique<RealFile>(fd, path);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : ErrnoOf("rename", from);
  }

  absl::Status Remove(const std::string& path) override {
    return remove(path.c_str()) == 0 ? absl::OkStatus() : ErrnoOf("remove", path);
  }

  absl::Status MakeFolder(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
    const absl::Status failed = ErrnoOf("make the folder", path);
    const absl::StatusOr<FileFacts> facts = Inspect(path);
    return facts.ok() && facts->is_folder ? absl::OkStatus() : failed;
  }

  absl::Status SyncFolder(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoOf("open", path);
    const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
    return fsync(fd) == 0 ? absl::OkStatus() : ErrnoOf("sync", path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    DIR* const folder = opendir(path.c_str());
    if (folder == nullptr) return ErrnoOf("list", path);
    const auto close_folder = absl::MakeCleanup([folder] { closedir(folder); });
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(folder)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return ErrnoOf("list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<FileFacts> Inspect(const std::string& path) override {
    struct stat facts;
    if (stat(path.c_str(), &facts) != 0) return ErrnoOf("inspect", path);
    return FileFacts{static_cast<uint64_t>(facts.st_size), S_ISDIR(facts.st_mode),
                     absl::TimeFromTimespec(facts.st_mtim)};
  }

  absl::StatusOr<Space> FreeSpace(const std::string& path) override {
    struct statvfs facts;
    if (statvfs(path.c_str(), &facts) != 0) return ErrnoOf("inspect the disk of", path);
    return Space{uint64_t{facts.f_blocks} * facts.f_frsize,
                 uint64_t{facts.f_bavail} * facts.f_frsize};
  }

  absl::StatusOr<std::unique_ptr<Lock>> TakeLock(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return ErrnoOf("open", path);
    auto lock = std::make_unique<RealLock>(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return ErrnoOf("lock", path);
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " is locked: another process (or this one) uses it. End that one, or "
                     "give this one a directory of its own"));
  }
};

}  // namespace

Disk& RealDisk() {
  static auto* const disk = new TheRealDisk();
  return *disk;
}

}  // namespace convergia::disk
