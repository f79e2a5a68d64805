// Transfer: sends files to the server.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/files/transfer.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

// Changes within one tick of the machine's clock get the same time.
constexpr absl::Duration kTick = absl::Milliseconds(20);
// After other programs have moved or removed a part so often, it is an error.
constexpr int kPartsMax = 20;
constexpr int kOtherPartsMax = 20;

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

// Holds a name on this machine: that of an abstract socket, so it is free again when the process
// ends. -1 if another process holds it.
Descriptor HoldName(const std::string& name) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (name.size() + 1 > sizeof(address.sun_path)) return Descriptor();
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const socklen_t length = offsetof(sockaddr_un, sun_path) + 1 + name.size();
  const bool held =
      fd.get() >= 0 && bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
  return held ? std::move(fd) : Descriptor();
}

// The machine and the user, for names of parts that only they use.
std::string Me() { return absl::StrCat(HostName(), "\n", getuid()); }

// The prefix of the names of all parts that PutStream() makes for `remote` here.
std::string StreamPrefix(const std::string& remote) {
  return KeptPartPrefix(absl::StrCat(Me(), "\n\n", remote));
}

}  // namespace

struct Transfer::LocalFile {
  std::filesystem::path path;
  Descriptor fd;
  LocalFacts facts;
  std::string whose;  // The local file and the path that it is stored at, whatever its content.

  static absl::StatusOr<LocalFile> Open(const std::filesystem::path& path,
                                        const std::string& remote) {
    LocalFile file{.path = path};
    CVG_ASSIGN_OR_RETURN(file.fd, OpenRegular(path));
    struct stat facts = {};
    if (fstat(file.fd.get(), &facts) != 0) return LocalFail(errno, "read", path);
    file.facts = LocalFacts::Of(facts);
    std::error_code error;
    file.whose =
        absl::StrCat(Me(), "\n", std::filesystem::absolute(path, error).string(), "\n", remote);
    return file;
  }
  // A name for the current content.
  std::string Content() const {
    return absl::StrCat(facts.bytes, "\n", absl::ToUnixNanos(facts.changed), "\n",
                        absl::ToUnixNanos(facts.status_changed));
  }
  absl::Status CheckUnchanged() const {
    struct stat now = {};
    if (fstat(fd.get(), &now) != 0) return LocalFail(errno, "read", path);
    if (LocalFacts::Of(now) == facts) return absl::OkStatus();
    return Fail(FailCode::kBusy,
                absl::StrCat(path.string(),
                             " changes while it is read; put it again, or `convergia put - PATH <",
                             path.string(), "` stores what is there"));
  }
};

// The part on the server that gathers the bytes of a file.
struct Transfer::Part {
  std::string folder;
  std::string prefix;  // Of the names of all parts of this file that a later Put() may continue.
  std::string name;
  Descriptor hold;
  bool is_sent = false;  // Bytes were written to it.

  static Part For(const LocalFile& file, const std::string& remote, absl::Time now) {
    Part part{.folder = SplitPath(remote).first, .prefix = KeptPartPrefix(file.whose)};
    const bool is_settled = now > std::max(file.facts.changed, file.facts.status_changed) + kTick;
    const std::string name = KeptPartName(file.whose, file.Content());
    if (is_settled && file.facts.bytes > kPieceBytesMax) part.hold = HoldName(name);
    part.name = part.hold.get() >= 0 ? name : RandomPartName();
    return part;
  }
  bool is_kept() const { return hold.get() >= 0; }
  std::string path() const { return JoinPath(folder, name); }
};

absl::Status Transfer::Put(const std::filesystem::path& local, const std::string& remote) {
  CVG_ASSIGN_OR_RETURN(const LocalFile file, LocalFile::Open(local, remote));
  BeginFile(file.facts.bytes);
  Part part = Part::For(file, remote, options_.clock->Now());
  std::optional<uint64_t> there;
  absl::Status status;
  for (int parts = 0; parts < kPartsMax; ++parts) {
    status = Persist(remote, [&] {
      const absl::Status tried = PutOnce(file, remote, &part, &there);
      return file.CheckUnchanged().ok() ? tried : absl::OkStatus();  // Waiting does not help.
    });
    if (!std::exchange(part_is_gone_, false)) break;
  }
  if (const absl::Status unchanged = file.CheckUnchanged(); !unchanged.ok()) {
    storage_.DeleteFile(part.path()).IgnoreError();
    return unchanged;
  }
  if (!status.ok()) {
    if (part.is_sent && !part.is_kept()) storage_.DeleteFile(part.path()).IgnoreError();
    return status;
  }
  RemoveParts(part.folder, part.prefix, part.name);
  RemoveParts(part.folder, StreamPrefix(remote), "");
  OnReached(there.value_or(file.facts.bytes), !there.has_value());
  observer_->OnFile(remote, !there.has_value() || part.is_sent);
  return absl::OkStatus();
}

absl::Status Transfer::PutOnce(const LocalFile& file, const std::string& remote, Part* part,
                               std::optional<uint64_t>* there) {
  const auto info = storage_.GetInfo(remote);
  if (!info.ok() && FailCodeOf(info.status()) != FailCode::kNotFound) return info.status();
  if (info.ok() && info->is_folder) {
    return Fail(FailCode::kNotAFile, absl::StrCat(remote, " is a folder; name the file in it"));
  }
  if (info.ok() && !info->is_part) {
    CVG_ASSIGN_OR_RETURN(const bool same, HasContent(remote, *info, file.fd.get()));
    if (same) *there = info->bytes;
    if (same) return absl::OkStatus();
  }
  CVG_RETURN_IF_ERROR(PutPieces(file, part));
  CVG_RETURN_IF_ERROR(file.CheckUnchanged());
  return MovePart(part->path(), remote);
}

absl::Status Transfer::PutPieces(const LocalFile& file, Part* part) {
  uint64_t offset = 0;
  const std::string path = part->path();
  if (const auto info = storage_.GetInfo(path); info.ok()) {
    offset = info->bytes;
  } else if (FailCodeOf(info.status()) != FailCode::kNotFound) {
    return info.status();
  } else {
    CVG_RETURN_IF_ERROR(storage_.CreateFile(path, /*part=*/true));
  }
  if (part->is_kept() && offset > file.facts.bytes) {  // It is not of this content.
    CVG_RETURN_IF_ERROR(storage_.DeleteFile(path));
    part_is_gone_ = true;
    return Fail(FailCode::kNotFound, absl::StrCat(path, " was longer than the file"));
  }
  // An earlier run has sent them; or an earlier try of this one, which the server did not confirm.
  OnReached(offset, part->is_sent);
  part->is_sent = true;
  RequestWindow window(requester_, options_.pieces_at_once);
  std::deque<uint64_t> ends;
  // Reads to the end of the file, whatever size the system reports.
  for (bool ended = false; !ended || !window.empty();) {
    if (!ended && !window.full()) {
      const uint64_t length = kPieceBytesMax - offset % kPieceBytesMax;
      CVG_ASSIGN_OR_RETURN(std::string piece, ReadPieceOf(file.fd.get(), offset, length));
      ended = piece.size() < length;
      if (piece.empty()) continue;
      ends.push_back(offset + piece.size());
      window.Send("WRITEFILE", {path, absl::StrCat(offset), std::move(piece)});
      offset = ends.back();
      continue;
    }
    const absl::Status written = window.TakeNext().status();
    if (!written.ok() && FailCodeOf(written) == FailCode::kNotFound) part_is_gone_ = true;
    CVG_RETURN_IF_ERROR(written);
    OnReached(ends.front(), /*moved=*/true);
    ends.pop_front();
  }
  return absl::OkStatus();
}

absl::Status Transfer::MovePart(const std::string& part, const std::string& remote) {
  const absl::Status moved = storage_.Move(part, remote, /*replace=*/true);
  if (!moved.ok() && FailCodeOf(moved) == FailCode::kNotFound) part_is_gone_ = true;
  return moved;
}

// Removes all parts in `folder` with this prefix that no program is writing: earlier contents of a
// file, or streams that were broken off. `own` is the part of this transfer. Failures do not
// matter: the server deletes parts that are not continued.
void Transfer::RemoveParts(const std::string& folder, const std::string& prefix,
                           const std::string& own) {
  const std::string listed = folder.empty() ? "/" : folder;
  const auto entries = storage_.ListPage(listed, prefix, kOtherPartsMax);
  if (!entries.ok()) return;
  for (const StoredEntry& entry : *entries) {
    if (!absl::StartsWith(entry.name, prefix)) return;
    // The prefix is of this machine and user, so a program that writes to it holds its name here.
    const bool is_free = entry.name == own || HoldName(entry.name).get() >= 0;
    if (entry.is_part && is_free) {
      storage_.DeleteFile(JoinPath(listed, entry.name)).IgnoreError();
    }
  }
}

absl::Status Transfer::PutStream(int fd, const std::string& remote) {
  BeginFile(0);
  const std::string folder = SplitPath(remote).first;
  const std::string prefix = StreamPrefix(remote);
  const std::string name = RandomKeptPartName(prefix);
  const Descriptor hold = HoldName(name);  // Until the part is moved or removed.
  RemoveParts(folder, prefix, "");
  const absl::Status status = SendStream(fd, JoinPath(folder, name), remote);
  if (!status.ok()) {
    storage_.DeleteFile(JoinPath(folder, name)).IgnoreError();
    return status;
  }
  observer_->OnFile(remote, true);
  return absl::OkStatus();
}

absl::Status Transfer::SendStream(int fd, const std::string& part, const std::string& remote) {
  uint64_t offset = 0;
  CVG_RETURN_IF_ERROR(Persist(remote, [&] {
    const absl::Status made = storage_.CreateFile(part, /*part=*/true);
    // An earlier try may have made it.
    return !made.ok() && FailCodeOf(made) == FailCode::kExists ? absl::OkStatus() : made;
  }));
  for (uint64_t length = kPieceBytesMax; length == kPieceBytesMax; offset += length) {
    const absl::StatusOr<std::string> read = ReadNextOf(fd, kPieceBytesMax);
    if (!read.ok()) return About("the input", read.status());
    const std::string& piece = *read;
    length = piece.size();
    if (piece.empty()) break;
    CVG_RETURN_IF_ERROR(
        Persist(remote, [&] { return storage_.Write(part, offset, piece).status(); }));
    OnReached(offset + length, /*moved=*/true);
  }
  bool is_tried = false;
  return Persist(remote, [&] {
    const absl::Status moved = storage_.Move(part, remote, /*replace=*/true);
    const bool is_gone = !moved.ok() && FailCodeOf(moved) == FailCode::kNotFound;
    // The answer to an earlier try may have been lost.
    return std::exchange(is_tried, true) && is_gone ? absl::OkStatus() : moved;
  });
}

}  // namespace convergia::client
