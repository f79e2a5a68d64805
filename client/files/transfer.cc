#include "client/files/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/backoff.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

constexpr char kPartPrefix[] = ".convergia-";
constexpr char kPartSuffix[] = ".part";
constexpr absl::Duration kPauseFirst = absl::Milliseconds(200);
constexpr absl::Duration kPauseMax = absl::Seconds(5);
// What is done to a file within one tick of the machine's clock gets the same time.
constexpr absl::Duration kTick = absl::Milliseconds(20);

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status ErrnoFail(const std::filesystem::path& path, absl::string_view what) {
  const FailCode code = errno == ENOENT                     ? FailCode::kNotFound
                        : errno == EACCES || errno == EPERM ? FailCode::kDenied
                        : errno == ENOSPC                   ? FailCode::kNoSpace
                                                            : FailCode::kInternal;
  return Fail(code, absl::StrCat("cannot ", what, " ", path.string(), ": ", strerror(errno)));
}

absl::Time TimeOf(const timespec& time) { return absl::TimeFromTimespec(time); }

std::string PartNameOf(absl::string_view what) {
  return absl::StrCat(
      kPartPrefix, absl::Hex(XXH3_64bits(what.data(), what.size()), absl::kZeroPad16), kPartSuffix);
}

// Names what is on its way by what it is, so only the same content is ever gone on with.
std::string PartName(absl::string_view name, const LocalFacts& facts) {
  return PartNameOf(absl::StrCat(name, "\n", facts.bytes, "\n", absl::ToUnixNanos(facts.changed),
                                 "\n", absl::ToUnixNanos(facts.status_changed)));
}
std::string PartName(absl::string_view name, const StoredInfo& info) {
  return PartNameOf(absl::StrCat(name, "\n", info.bytes, "\n", absl::ToUnixMillis(info.changed)));
}

std::pair<std::string, std::string> SplitPath(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

}  // namespace

LocalFacts LocalFacts::Of(const struct stat& facts) {
  return {static_cast<uint64_t>(facts.st_size), TimeOf(facts.st_mtim), TimeOf(facts.st_ctim)};
}

struct Transfer::LocalFile {
  std::filesystem::path path;
  int fd = -1;
  LocalFacts facts;

  absl::Status Changed() const {
    return Fail(FailCode::kBusy,
                absl::StrCat(path.string(), " changes while it is read; put it again"));
  }
  absl::Status CheckUnchanged() const {
    struct stat now = {};
    if (fstat(fd, &now) != 0) return ErrnoFail(path, "look at");
    return LocalFacts::Of(now) == facts ? absl::OkStatus() : Changed();
  }
};

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  return absl::StrCat(folder, absl::EndsWith(folder, "/") ? "" : "/", name);
}

bool IsPartName(absl::string_view name) {
  return absl::StartsWith(name, kPartPrefix) && absl::EndsWith(name, kPartSuffix);
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

Transfer::Transfer(Requester* requester, TransferOptions options, TransferObserver* observer)
    : requester_(requester),
      storage_(requester),
      options_(std::move(options)),
      observer_(observer) {}

void Transfer::OnProgress(uint64_t bytes) {
  moved_ += bytes;
  counted_ += bytes;
  observer_->OnBytes(bytes);
}

absl::Status Transfer::Persist(absl::string_view name,
                               const std::function<absl::Status()>& attempt) {
  Backoff backoff(kPauseFirst, kPauseMax, RandomSeed());
  absl::Duration waited;
  while (true) {
    const uint64_t moved_before = moved_;
    const absl::Status status = attempt();
    if (status.ok() || !MayPassLater(status)) return status;
    if (moved_ != moved_before) {
      backoff.Reset();
      waited = absl::ZeroDuration();
    }
    if (waited >= options_.patience) return status;
    observer_->OnTrouble(name, status);
    const absl::Duration pause = backoff.Next();
    waited += pause;
    if (options_.pause) {
      options_.pause(pause);
    } else {
      absl::Notification().WaitForNotificationWithTimeout(pause);
    }
  }
}

absl::Status Transfer::Put(const std::filesystem::path& local, const std::string& remote) {
  const Descriptor fd(open(local.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return ErrnoFail(local, "open");
  struct stat facts = {};
  if (fstat(fd.get(), &facts) != 0) return ErrnoFail(local, "look at");
  if (!S_ISREG(facts.st_mode)) {
    return Fail(FailCode::kNotAFile, absl::StrCat(local.string(), " is not a file"));
  }
  const LocalFile file{local, fd.get(), LocalFacts::Of(facts)};
  observer_->OnExpected(file.facts.bytes);
  counted_ = 0;
  bool is_there = false;
  const auto attempt = [&]() -> absl::Status {
    const auto info = storage_.GetInfo(remote);
    if (!info.ok() && FailCodeOf(info.status()) != FailCode::kNotFound) return info.status();
    if (info.ok() && info->is_folder) {
      return Fail(FailCode::kNotAFile, absl::StrCat(remote, " is a folder; name the file in it"));
    }
    if (info.ok()) {
      const std::string folder = SplitPath(remote).first;
      CVG_ASSIGN_OR_RETURN(is_there, HasSame(folder, info->bytes, info->changed, file.facts));
    }
    return is_there ? absl::OkStatus() : PutWhole(file, remote, info.ok());
  };
  CVG_RETURN_IF_ERROR(Persist(remote, [&] {
    const absl::Status status = attempt();
    return file.CheckUnchanged().ok() ? status : absl::OkStatus();  // Waiting does not help it.
  }));
  CVG_RETURN_IF_ERROR(file.CheckUnchanged());
  if (is_there) OnProgress(file.facts.bytes);
  observer_->OnFile(remote, !is_there);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<absl::Duration>> Transfer::ServerAhead(absl::string_view folder) {
  if (server_ahead_.has_value()) return *server_ahead_;
  // Nothing but what it writes shows the server's time.
  const std::string probe =
      JoinPath(folder, PartNameOf(absl::StrCat("clock\n", RandomSeed(), "\n", folder)));
  const absl::Time before = options_.clock->Now();
  std::optional<absl::Duration> ahead;
  absl::Status status = storage_.CreateFile(probe);
  if (status.ok()) {
    const auto info = storage_.GetInfo(probe);
    if (info.ok()) ahead = info->changed - before;
    status = info.status();
    storage_.DeleteFile(probe).IgnoreError();
  }
  if (MayPassLater(status)) return status;
  server_ahead_ = ahead;
  return ahead;
}

absl::StatusOr<bool> Transfer::HasSame(absl::string_view folder, uint64_t bytes, absl::Time written,
                                       const LocalFacts& local) {
  if (bytes != local.bytes) return false;
  CVG_ASSIGN_OR_RETURN(const std::optional<absl::Duration> ahead, ServerAhead(folder));
  if (!ahead.has_value()) return false;
  return written - *ahead >= std::max(local.changed, local.status_changed) + kTick;
}

absl::Status Transfer::PutWhole(const LocalFile& file, const std::string& remote, bool exists) {
  const auto [folder, name] = SplitPath(remote);
  const std::string part = JoinPath(folder, PartName(name, file.facts));
  if (!exists && file.facts.bytes <= kPieceBytesMax) {
    // One write is whole or is not, so it needs no name of its own.
    if (const absl::Status created = storage_.CreateFile(remote); !created.ok()) return created;
    CVG_RETURN_IF_ERROR(PutPieces(file, remote));
    const absl::Status unchanged = file.CheckUnchanged();
    // It would look newer than the change that it lacks.
    if (!unchanged.ok()) CVG_RETURN_IF_ERROR(storage_.DeleteFile(remote));
    return unchanged;
  }
  CVG_RETURN_IF_ERROR(PutPieces(file, part));
  CVG_RETURN_IF_ERROR(file.CheckUnchanged());
  return Replace(part, remote);
}

absl::Status Transfer::PutPieces(const LocalFile& file, const std::string& part) {
  uint64_t offset = 0;
  if (const auto info = storage_.GetInfo(part); info.ok()) {
    offset = info->bytes;
  } else if (FailCodeOf(info.status()) != FailCode::kNotFound) {
    return info.status();
  } else {
    CVG_RETURN_IF_ERROR(storage_.CreateFile(part));
  }
  if (offset > file.facts.bytes)
    return Fail(FailCode::kExists, absl::StrCat(part, " is in the way"));
  // An earlier try may have been told of fewer bytes than arrived.
  if (offset > counted_) OnProgress(offset - counted_);

  RequestWindow window(requester_, options_.pieces_at_once);
  std::deque<uint64_t> lengths;
  while (offset < file.facts.bytes || !window.empty()) {
    if (offset < file.facts.bytes && !window.full()) {
      const uint64_t length = std::min(kPieceBytesMax, file.facts.bytes - offset);
      CVG_ASSIGN_OR_RETURN(std::string piece, ReadPieceOf(file.fd, offset, length));
      if (piece.size() < length) return file.Changed();
      window.Send("WRITEFILE", {part, absl::StrCat(offset), std::move(piece)});
      lengths.push_back(length);
      offset += length;
      continue;
    }
    CVG_RETURN_IF_ERROR(window.TakeNext().status());
    OnProgress(lengths.front());
    lengths.pop_front();
  }
  return absl::OkStatus();
}

absl::Status Transfer::Replace(const std::string& part, const std::string& remote) {
  absl::Status moved = storage_.Move(part, remote);
  if (!moved.ok() && FailCodeOf(moved) == FailCode::kExists) {
    CVG_RETURN_IF_ERROR(storage_.DeleteFile(remote));
    moved = storage_.Move(part, remote);
  }
  return moved;
}

absl::Status Transfer::Get(const std::string& remote, const std::filesystem::path& local) {
  StoredInfo info;
  CVG_RETURN_IF_ERROR(Persist(remote, [&]() -> absl::Status {
    CVG_ASSIGN_OR_RETURN(info, storage_.GetInfo(remote));
    return absl::OkStatus();
  }));
  if (info.is_folder) {
    return Fail(FailCode::kNotAFile, absl::StrCat(remote, " is a folder"));
  }
  observer_->OnExpected(info.bytes);
  counted_ = 0;
  struct stat facts = {};
  if (stat(local.c_str(), &facts) == 0) {
    if (!S_ISREG(facts.st_mode)) {
      return Fail(FailCode::kExists, absl::StrCat(local.string(), " is in the way; it is no file"));
    }
    if (static_cast<uint64_t>(facts.st_size) == info.bytes &&
        TimeOf(facts.st_mtim) == info.changed) {
      OnProgress(info.bytes);
      observer_->OnFile(remote, false);
      return absl::OkStatus();
    }
  }
  const std::filesystem::path part =
      local.parent_path() / PartName(local.filename().string(), info);
  const Descriptor fd(open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (fd.get() < 0) return ErrnoFail(part, "write");
  CVG_RETURN_IF_ERROR(Persist(remote, [&] { return GetPieces(remote, info.bytes, fd.get()); }));
  CVG_ASSIGN_OR_RETURN(const StoredInfo after, storage_.GetInfo(remote));
  if (after.bytes != info.bytes || after.changed != info.changed) {
    unlink(part.c_str());
    return Fail(FailCode::kBusy, absl::StrCat(remote, " changed while it was read; get it again"));
  }
  const timespec times[2] = {absl::ToTimespec(info.changed), absl::ToTimespec(info.changed)};
  if (futimens(fd.get(), times) != 0) return ErrnoFail(part, "set the time of");
  // The next Get() believes in the time: so the bytes have to be there, whatever happens.
  if (fdatasync(fd.get()) != 0) return ErrnoFail(part, "write");
  if (rename(part.c_str(), local.c_str()) != 0) return ErrnoFail(local, "write");
  observer_->OnFile(remote, true);
  return absl::OkStatus();
}

absl::Status Transfer::GetPieces(const std::string& remote, uint64_t bytes, int fd) {
  struct stat facts = {};
  if (fstat(fd, &facts) != 0) return ErrnoFail("the part", "look at");
  uint64_t have = facts.st_size;
  if (have > bytes) {
    have = 0;
    if (ftruncate(fd, 0) != 0) return ErrnoFail("the part", "cut");
  }
  if (have > counted_) OnProgress(have - counted_);
  uint64_t asked = have;
  RequestWindow window(requester_, options_.pieces_at_once);
  while (have < bytes) {
    if (asked < bytes && !window.full()) {
      const uint64_t length = std::min(kPieceBytesMax, bytes - asked);
      window.Send("READFILE", {remote, absl::StrCat(asked), absl::StrCat(length)});
      asked += length;
      continue;
    }
    CVG_ASSIGN_OR_RETURN(const std::string piece, window.TakeNext());
    const uint64_t wanted = std::min(kPieceBytesMax, bytes - have);
    if (piece.empty() || piece.size() > wanted) {
      return Fail(FailCode::kBusy,
                  absl::StrCat(remote, " changed while it was read; get it again"));
    }
    if (piece.size() < wanted) {
      // A file of many small pieces: what was asked beyond this one begins too late.
      while (!window.empty()) window.TakeNext().IgnoreError();
      asked = have + piece.size();
    }
    for (size_t written = 0; written < piece.size();) {
      const ssize_t count =
          pwrite(fd, piece.data() + written, piece.size() - written, have + written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoFail("the part", "write");
      written += count;
    }
    have += piece.size();
    OnProgress(piece.size());
  }
  return absl::OkStatus();
}

}  // namespace convergia::client
