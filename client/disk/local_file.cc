#include "client/disk/local_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/disk/unfinished_files.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

constexpr char kPartPrefix[] = ".convergia-";
constexpr char kPartSuffix[] = ".part";
constexpr int kNameTries = 10;
constexpr size_t kRandomNameBytes = 8;
// The target may be private, so nobody else reads its part.
constexpr mode_t kPartMode = 0600;

std::string Digits(absl::string_view what) {
  return absl::StrCat(absl::Hex(XXH3_64bits(what.data(), what.size()), absl::kZeroPad16));
}

FailCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return FailCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return FailCode::kDenied;
    case ENOTDIR:
      return FailCode::kNotAFolder;
    case EISDIR:
      return FailCode::kNotAFile;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return FailCode::kNoSpace;
    case ENAMETOOLONG:
    case ELOOP:
      return FailCode::kBadField;
    default:
      return FailCode::kInternal;
  }
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The descriptor that a path like /dev/stdout names; -1 if it names none.
int DescriptorNamed(absl::string_view path) {
  if (path == "-" || path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  int fd = -1;
  const bool is_number =
      (absl::ConsumePrefix(&path, "/dev/fd/") || absl::ConsumePrefix(&path, "/proc/self/fd/")) &&
      absl::SimpleAtoi(path, &fd);
  return is_number && fd >= 0 ? fd : -1;
}

// Standard output or error, if it is the file with these facts. The program that opened it
// continues to write to that file, and not to a new one of the same name.
int DescriptorOf(const struct stat& facts) {
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat open_facts = {};
    if (fstat(fd, &open_facts) == 0 && IsSameFile(facts, open_facts)) return fd;
  }
  return -1;
}

// The mode that open() gives to a new file. The umask can only be read by setting it.
mode_t ModeOfNewFile() {
  const mode_t mask = umask(077);
  umask(mask);
  return 0666 & ~mask;
}

absl::Status TargetFail(FailCode code, const std::string& path, absl::string_view text) {
  return Fail(code, absl::StrCat("cannot write ", path, ": ", text));
}

}  // namespace

bool Descriptor::Close() {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 || close(fd) == 0 || errno == EINTR;
}

LocalFacts LocalFacts::Of(const struct stat& facts) {
  return {static_cast<uint64_t>(facts.st_size), absl::TimeFromTimespec(facts.st_mtim),
          absl::TimeFromTimespec(facts.st_ctim)};
}

absl::Status LocalFail(int error, absl::string_view what, const fs::path& path) {
  return Fail(CodeOf(error),
              absl::StrCat("cannot ", what, " ", path.string(), ": ", strerror(error)));
}

const char* KindOf(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

absl::StatusOr<Descriptor> OpenRegular(const fs::path& path) {
  struct stat facts = {};
  // The kind is checked before opening, since opening a device may change its state.
  if (stat(path.c_str(), &facts) != 0) return LocalFail(errno, "read", path);
  Descriptor fd;
  if (S_ISREG(facts.st_mode)) {
    fd = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return LocalFail(errno, "read", path);
    if (fstat(fd.get(), &facts) != 0) return LocalFail(errno, "read", path);
  }
  if (S_ISREG(facts.st_mode)) return fd;
  return Fail(
      FailCode::kNotAFile,
      absl::StrCat(path.string(), " is ", KindOf(facts.st_mode), ", not a file",
                   S_ISFIFO(facts.st_mode) ? "; `convergia put - PATH` stores what it gives" : ""));
}

absl::StatusOr<std::string> ReadPieceOf(int fd, uint64_t offset, uint64_t bytes) {
  std::string piece(bytes, '\0');
  size_t filled = 0;
  while (filled < bytes) {
    const ssize_t count = pread(fd, &piece[filled], bytes - filled, offset + filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(FailCode::kInternal, absl::StrCat("cannot read: ", strerror(errno)));
    if (count == 0) break;
    filled += count;
  }
  piece.resize(filled);
  return piece;
}

absl::StatusOr<std::string> ReadNextOf(int fd, uint64_t bytes) {
  std::string piece(bytes, '\0');
  size_t filled = 0;
  while (filled < bytes) {
    const ssize_t count = read(fd, &piece[filled], bytes - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(FailCode::kInternal, absl::StrCat("cannot read: ", strerror(errno)));
    if (count == 0) break;
    filled += count;
  }
  piece.resize(filled);
  return piece;
}

absl::StatusOr<ContentHash> HashOf(int fd) {
  ContentHash content;
  std::string leaves;
  while (true) {
    CVG_ASSIGN_OR_RETURN(const std::string leaf, ReadPieceOf(fd, content.bytes, kHashLeafBytes));
    if (leaf.empty()) break;
    leaves += LeafHash(leaf);
    content.bytes += leaf.size();
    if (leaf.size() < kHashLeafBytes) break;
  }
  TreeHash hash(content.bytes);
  hash.AddLeaf(leaves);
  content.hash = absl::BytesToHexString(hash.Finish());
  return content;
}

absl::StatusOr<LocalTarget> LocalTarget::Find(const std::string& path) {
  LocalTarget target;
  target.path = path;
  target.stream = DescriptorNamed(path);
  if (target.stream >= 0) return target;
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) {
    const int error = errno;
    if (error != ENOENT) return LocalFail(error, "write", path);
    if (lstat(path.c_str(), &facts) == 0) {
      return TargetFail(FailCode::kNotFound, path,
                        "it is a symbolic link to a file that does not exist");
    }
    if (absl::EndsWith(path, "/")) {
      return TargetFail(FailCode::kNotFound, path, "there is no such folder");
    }
    return target;
  }
  if (S_ISDIR(facts.st_mode)) {
    return TargetFail(FailCode::kNotAFile, path, "it is a folder");
  }
  if (S_ISSOCK(facts.st_mode)) {
    return TargetFail(FailCode::kNotAFile, path, "it is a socket");
  }
  target.is_special = !S_ISREG(facts.st_mode);
  if (target.is_special) return target;
  target.stream = DescriptorOf(facts);
  if (target.stream >= 0) return target;
  // A rename does not check whether the file itself is writable.
  if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) {
    return LocalFail(errno, "write", path);
  }
  std::error_code error;
  target.path = fs::canonical(path, error);
  if (error) return LocalFail(error.value(), "write", path);
  target.facts = facts;
  return target;
}

absl::StatusOr<std::unique_ptr<LocalOutput>> LocalOutput::Open(const LocalTarget& target,
                                                               absl::string_view content) {
  std::unique_ptr<LocalOutput> output(new LocalOutput(target));
  if (target.is_stream()) {
    CVG_RETURN_IF_ERROR(output->OpenStream());
  } else if (content.empty() || !output->OpenKept(content)) {
    CVG_RETURN_IF_ERROR(output->OpenNew());
  }
  return output;
}

LocalOutput::~LocalOutput() {
  const bool is_kept = !kept_prefix_.empty() && bytes_ > 0 && has_room_;
  if (!is_done_ && !part_.empty() && !is_kept) unlink(part_.c_str());
  ForgetUnfinished(slot_);
}

absl::Status LocalOutput::OpenStream() {
  fd_ =
      Descriptor(target_.stream >= 0 ? fcntl(target_.stream, F_DUPFD_CLOEXEC, 3)
                                     : open(target_.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  return fd_.get() >= 0 ? absl::OkStatus() : LocalFail(errno, "write", target_.path);
}

absl::Status LocalOutput::OpenNew() {
  int error = EEXIST;
  for (int i = 0; i < kNameTries && error == EEXIST; ++i) {
    part_ = target_.path.parent_path() / RandomPartName();
    // Remembered before the file exists, since a signal may come at any time.
    slot_ = RememberUnfinished(part_.string());
    fd_ = Descriptor(open(part_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPartMode));
    if (fd_.get() >= 0) return absl::OkStatus();
    error = errno;
    ForgetUnfinished(std::exchange(slot_, -1));
  }
  part_.clear();
  // It is the folder that takes no new file.
  const fs::path parent = target_.path.parent_path();
  if (error == EACCES || error == EROFS) {
    return LocalFail(error, "make a file in", parent.empty() ? "." : parent);
  }
  return LocalFail(error, "write", target_.path);
}

// False if another program may be writing it: then a new name is safer.
bool LocalOutput::OpenKept(absl::string_view content) {
  const std::string name = target_.path.filename().string();
  const fs::path path = target_.path.parent_path() / KeptPartName(name, content);
  for (int i = 0; i < kNameTries; ++i) {
    Descriptor fd(
        open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kPartMode));
    struct stat mine = {}, there = {};
    if (fd.get() < 0 || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
    if (fstat(fd.get(), &mine) != 0) return false;
    if (!S_ISREG(mine.st_mode) || mine.st_uid != geteuid() || mine.st_nlink > 1) return false;
    // The program that held it until now may have moved it to its target.
    if (lstat(path.c_str(), &there) != 0 || !IsSameFile(mine, there)) continue;
    // Earlier versions made parts that others could read.
    if (fchmod(fd.get(), kPartMode) != 0) return false;
    fd_ = std::move(fd);
    part_ = path;
    kept_prefix_ = KeptPartPrefix(name);
    bytes_ = mine.st_size;
    return true;
  }
  return false;
}

absl::Status LocalOutput::WriteFail(int error) {
  const absl::Status status =
      LocalFail(error, "write", target_.path == "-" ? "standard output" : target_.path);
  if (FailCodeOf(status) == FailCode::kNoSpace) has_room_ = false;
  return status;
}

absl::Status LocalOutput::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = is_stream() ? write(fd_.get(), bytes.data(), bytes.size())
                                      : pwrite(fd_.get(), bytes.data(), bytes.size(), bytes_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE && is_stream()) EndByBrokenPipe();
    if (count < 0) return WriteFail(errno);
    bytes_ += count;
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status LocalOutput::CutTo(uint64_t bytes) {
  if (ftruncate(fd_.get(), bytes) != 0) return LocalFail(errno, "write", target_.path);
  bytes_ = bytes;
  return absl::OkStatus();
}

absl::Status LocalOutput::Commit(std::optional<absl::Time> changed, bool sync) {
  if (is_stream()) {
    is_done_ = true;
    return fd_.Close() ? absl::OkStatus() : WriteFail(errno);
  }
  mode_t mode = ModeOfNewFile();
  if (target_.facts.has_value()) {
    // The file keeps its owner, where that is possible, and its permissions. The new content must
    // not run with the rights of the old: set-user-ID and the like are dropped, as by cp.
    [[maybe_unused]] const int owned =
        fchown(fd_.get(), target_.facts->st_uid, target_.facts->st_gid);
    mode = target_.facts->st_mode & 0777;
  }
  if (fchmod(fd_.get(), mode) != 0) return LocalFail(errno, "set the mode of", target_.path);
  if (changed.has_value()) {
    const timespec times[2] = {absl::ToTimespec(*changed), absl::ToTimespec(*changed)};
    if (futimens(fd_.get(), times) != 0) return LocalFail(errno, "set the time of", target_.path);
  }
  if (sync && fdatasync(fd_.get()) != 0) return WriteFail(errno);
  // Closing the descriptor ends the lock, so the rename comes first.
  if (rename(part_.c_str(), target_.path.c_str()) != 0) return WriteFail(errno);
  is_done_ = true;
  if (!kept_prefix_.empty()) RemoveOtherParts();
  return fd_.Close() ? absl::OkStatus() : WriteFail(errno);
}

// Removes parts of other contents of this target: no program continues them.
void LocalOutput::RemoveOtherParts() const {
  const fs::path parent = target_.path.parent_path();
  std::error_code error;
  for (fs::directory_iterator at(parent.empty() ? "." : parent, error), end; !error && at != end;
       at.increment(error)) {
    if (!absl::StartsWith(at->path().filename().string(), kept_prefix_)) continue;
    const Descriptor fd(open(at->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd.get() >= 0 && flock(fd.get(), LOCK_EX | LOCK_NB) == 0) unlink(at->path().c_str());
  }
}

void EndByBrokenPipe() {
  std::signal(SIGPIPE, SIG_DFL);
  raise(SIGPIPE);
  std::_Exit(128 + SIGPIPE);  // SIGPIPE is blocked.
}

bool IsPartName(absl::string_view name) {
  return absl::StartsWith(name, kPartPrefix) && absl::EndsWith(name, kPartSuffix);
}

std::string RandomPartName() {
  return absl::StrCat(kPartPrefix, SecureRandomHex(kRandomNameBytes), kPartSuffix);
}

std::string KeptPartPrefix(absl::string_view whose) {
  return absl::StrCat(kPartPrefix, Digits(whose), "-");
}

std::string KeptPartName(absl::string_view whose, absl::string_view what) {
  return absl::StrCat(KeptPartPrefix(whose), Digits(what), kPartSuffix);
}

std::string RandomKeptPartName(absl::string_view prefix) {
  return absl::StrCat(prefix, SecureRandomHex(kRandomNameBytes), kPartSuffix);
}

}  // namespace convergia::client
