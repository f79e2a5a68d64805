#include "client/files/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

constexpr absl::Duration kPauseFirst = absl::Milliseconds(200);
constexpr absl::Duration kPauseMax = absl::Seconds(5);
// So much of an attempt's time counts as waiting: connecting gives up after that time, and an
// answer of a server that has just fallen silent may take longer.
constexpr absl::Duration kAttemptCounted = absl::Seconds(20);
// After so many changes during reading, the file cannot be fetched whole.
constexpr int kVersionsMax = 20;

absl::Status ChangedMeanwhile(absl::string_view remote, absl::string_view advice) {
  return Fail(FailCode::kBusy, absl::StrCat(remote, " changed while it was read; ", advice));
}

// Pieces begin at the leaves of the hash.
uint64_t PieceAt(uint64_t offset) { return kPieceBytesMax - offset % kPieceBytesMax; }

}  // namespace

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  return absl::StrCat(folder, absl::EndsWith(folder, "/") ? "" : "/", name);
}

std::pair<std::string, std::string> SplitPath(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

absl::Status About(absl::string_view name, const absl::Status& status) {
  // A part of a longer word or path does not name it. A period may end the sentence.
  const auto is_part = [](char c) {
    return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  const auto begins_after = [&is_part](absl::string_view before) {
    return before.empty() || (!is_part(before.back()) && before.back() != '.');
  };
  const auto ends_before = [&is_part](absl::string_view after) {
    if (absl::StartsWith(after, ".")) after.remove_prefix(1);
    return after.empty() || !is_part(after.front());
  };
  if (status.ok()) return status;
  const absl::string_view text = status.message();
  for (size_t at = text.find(name); at != absl::string_view::npos; at = text.find(name, at + 1)) {
    if (begins_after(text.substr(0, at)) && ends_before(text.substr(at + name.size()))) {
      return status;
    }
  }
  return Fail(FailCodeOf(status), absl::StrCat(name, ": ", status.message()));
}

Transfer::Transfer(Requester* requester, TransferOptions options, TransferObserver* observer)
    : requester_(requester),
      storage_(requester),
      options_(std::move(options)),
      observer_(observer) {}

void Transfer::OnProgress(uint64_t bytes, bool moved) {
  moved_ += bytes;
  if (moved) {
    observer_->OnBytes(bytes);
  } else {
    observer_->OnThere(bytes);
  }
}

void Transfer::BeginFile(uint64_t bytes) {
  observer_->OnExpected(bytes);
  expected_ = bytes;
  counted_ = 0;
}

void Transfer::OnReached(uint64_t position, bool moved) {
  // The system reports too few bytes for a pipe or a file in /proc.
  if (position > expected_) observer_->OnExpected(position - std::exchange(expected_, position));
  if (position > counted_) OnProgress(position - std::exchange(counted_, position), moved);
}

absl::Status Transfer::Persist(absl::string_view name,
                               const std::function<absl::Status()>& attempt) {
  Backoff backoff(kPauseFirst, kPauseMax, RandomSeed());
  absl::Duration waited;
  while (true) {
    const uint64_t moved_before = moved_;
    const absl::Duration begun = RealClock::Get().Elapsed();
    const absl::Status status = attempt();
    if (status.ok() || !MayPassLater(status)) return status;
    if (moved_ != moved_before) {
      backoff.Reset();
      waited = absl::ZeroDuration();
    }
    waited += std::min(RealClock::Get().Elapsed() - begun, kAttemptCounted);
    if (waited >= options_.patience) return status;
    observer_->OnRetry(name, status);
    const absl::Duration pause = backoff.Next();
    waited += pause;
    if (options_.pause) {
      options_.pause(pause);
    } else {
      absl::Notification().WaitForNotificationWithTimeout(pause);
    }
  }
}

absl::StatusOr<bool> Transfer::HasContent(const std::string& remote, const StoredInfo& info,
                                          int fd) {
  struct stat facts = {};
  if (fstat(fd, &facts) != 0) return LocalFail(errno, "read", remote);
  // The system reports 0 for files of unknown size, as in /proc.
  if (facts.st_size != 0 && static_cast<uint64_t>(facts.st_size) != info.bytes) return false;
  if (info.hash.has_value()) {
    CVG_ASSIGN_OR_RETURN(const ContentHash content, HashOf(fd));
    return content.bytes == info.bytes && content.hash == *info.hash;
  }
  RequestWindow window(requester_, options_.pieces_at_once);
  std::deque<std::string> local;
  uint64_t asked = 0;
  while (asked < info.bytes || !window.empty()) {
    if (asked < info.bytes && !window.full()) {
      const uint64_t length = std::min(PieceAt(asked), info.bytes - asked);
      CVG_ASSIGN_OR_RETURN(std::string piece, ReadPieceOf(fd, asked, length));
      if (piece.size() < length) return false;
      window.Send("READFILE",
                  {remote, absl::StrCat(asked), absl::StrCat(length), absl::StrCat(info.version)});
      local.push_back(std::move(piece));
      asked += length;
      continue;
    }
    const absl::StatusOr<std::string> piece = window.TakeNext();
    if (!piece.ok() && MayPassLater(piece.status())) return piece.status();
    // A short piece may still be the same; in doubt it counts as different.
    if (!piece.ok() || *piece != local.front()) return false;
    local.pop_front();
  }
  CVG_ASSIGN_OR_RETURN(const std::string more, ReadPieceOf(fd, info.bytes, 1));
  return more.empty();
}

absl::Status Transfer::Get(const std::string& remote, const std::string& local) {
  for (int versions = 0; versions < kVersionsMax; ++versions) {
    StoredInfo info;
    CVG_RETURN_IF_ERROR(Persist(remote, [&]() -> absl::Status {
      CVG_ASSIGN_OR_RETURN(info, storage_.GetInfo(remote));
      return absl::OkStatus();
    }));
    if (info.is_folder) return Fail(FailCode::kNotAFile, absl::StrCat(remote, " is a folder"));
    CVG_ASSIGN_OR_RETURN(const LocalTarget target, LocalTarget::Find(local));
    if (versions == 0) BeginFile(info.bytes);
    bool is_there = false;
    CVG_RETURN_IF_ERROR(Persist(remote, [&]() -> absl::Status {
      CVG_ASSIGN_OR_RETURN(is_there, HasLocal(remote, info, target));
      return absl::OkStatus();
    }));
    const absl::Status status = is_there ? absl::OkStatus() : GetOnce(remote, info, target);
    if (status.ok()) {
      OnReached(info.bytes, !is_there);
      observer_->OnFile(remote, !is_there);
      return absl::OkStatus();
    }
    if (!std::exchange(version_is_gone_, false)) return status;
  }
  return ChangedMeanwhile(remote, "run get again when it changes less often");
}

// Whether the file at `target` has the content already. If so, it gets the time of `remote`.
absl::StatusOr<bool> Transfer::HasLocal(const std::string& remote, const StoredInfo& info,
                                        const LocalTarget& target) {
  if (!target.facts.has_value()) return false;
  const LocalFacts facts = LocalFacts::Of(*target.facts);
  if (facts.bytes != info.bytes) return false;
  // Comparing every byte is only worth it if the times are the same.
  if (!info.hash.has_value() && facts.changed != info.changed) return false;
  const auto fd = OpenRegular(target.path);
  if (!fd.ok()) return false;  // The file may be writable and not readable.
  CVG_ASSIGN_OR_RETURN(const bool same, HasContent(remote, info, fd->get()));
  if (!same || facts.changed == info.changed) return same;
  const timespec times[2] = {absl::ToTimespec(info.changed), absl::ToTimespec(info.changed)};
  return utimensat(AT_FDCWD, target.path.c_str(), times, 0) == 0;
}

absl::Status Transfer::GetOnce(const std::string& remote, const StoredInfo& info,
                               const LocalTarget& target) {
  const bool is_large = info.bytes > kPieceBytesMax;
  CVG_ASSIGN_OR_RETURN(
      const std::unique_ptr<LocalOutput> output,
      LocalOutput::Open(target, is_large ? absl::StrCat(options_.cluster, "\n", remote, "\n",
                                                        info.id, "\n", info.version)
                                         : std::string()));
  const bool goes_on = !output->is_stream() && output->bytes() > 0;
  if (goes_on) {
    const uint64_t whole = output->bytes() - output->bytes() % kPieceBytesMax;
    CVG_RETURN_IF_ERROR(output->CutTo(output->bytes() > info.bytes ? 0 : whole));
    OnReached(output->bytes(), /*moved=*/false);
  }
  const auto pieces = [&] { return GetPieces(remote, info, *output); };
  CVG_RETURN_IF_ERROR(Persist(remote, pieces));
  if (goes_on && info.hash.has_value()) {
    // Bytes of an earlier run may have been lost in a power cut.
    CVG_ASSIGN_OR_RETURN(const ContentHash content, HashOf(output->fd()));
    if (content.hash != *info.hash) {
      CVG_RETURN_IF_ERROR(output->CutTo(0));
      CVG_RETURN_IF_ERROR(Persist(remote, pieces));
    }
  }
  return output->Commit(info.changed, /*sync=*/is_large);
}

absl::Status Transfer::GetPieces(const std::string& remote, const StoredInfo& info,
                                 LocalOutput& output) {
  uint64_t asked = output.bytes();
  RequestWindow window(requester_, options_.pieces_at_once);
  while (output.bytes() < info.bytes) {
    if (asked < info.bytes && !window.full()) {
      const uint64_t length = std::min(PieceAt(asked), info.bytes - asked);
      window.Send("READFILE",
                  {remote, absl::StrCat(asked), absl::StrCat(length), absl::StrCat(info.version)});
      asked += length;
      continue;
    }
    const absl::StatusOr<std::string> piece = window.TakeNext();
    if (!piece.ok() && FailCodeOf(piece.status()) == FailCode::kNotFound) {
      if (output.is_stream() && output.bytes() > 0) {
        return ChangedMeanwhile(remote, "the output is not whole; read it again");
      }
      version_is_gone_ = true;
      return piece.status();
    }
    CVG_RETURN_IF_ERROR(piece.status());
    const uint64_t wanted = std::min(PieceAt(output.bytes()), info.bytes - output.bytes());
    if (piece->empty() || piece->size() > wanted) {
      return Fail(FailCode::kInternal, absl::StrCat(remote, ": the server sent ", piece->size(),
                                                    " bytes where ", wanted, " are"));
    }
    CVG_RETURN_IF_ERROR(output.Write(*piece));
    if (piece->size() < wanted) {
      // The file consists of many small pieces. The later requests begin at wrong offsets.
      while (!window.empty()) window.TakeNext().IgnoreError();
      asked = output.bytes();
    }
    OnReached(output.bytes(), /*moved=*/true);
  }
  return absl::OkStatus();
}

}  // namespace convergia::client
