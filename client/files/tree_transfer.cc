#include "client/files/tree_transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

// Of small files under way at once.
constexpr uint64_t kSmallBytesMax = 4 * kPieceBytesMax;

absl::Status LocalFail(const fs::path& path, const std::error_code& error) {
  const FailCode code = error == std::errc::permission_denied           ? FailCode::kDenied
                        : error == std::errc::no_such_file_or_directory ? FailCode::kNotFound
                        : error == std::errc::not_a_directory           ? FailCode::kNotAFolder
                                                                        : FailCode::kInternal;
  return Fail(code, absl::StrCat(path.string(), ": ", error.message()));
}

absl::StatusOr<std::string> ReadSmall(const fs::path& path, const LocalFacts& facts) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return LocalFail(path, std::error_code(errno, std::generic_category()));
  auto contents = ReadPieceOf(fd, 0, facts.bytes + 1);
  struct stat now = {};
  const bool is_same = fstat(fd, &now) == 0 && LocalFacts::Of(now) == facts;
  close(fd);
  if (contents.ok() && (contents->size() != facts.bytes || !is_same)) {
    return Fail(FailCode::kBusy,
                absl::StrCat(path.string(), " changes while it is read; put it again"));
  }
  return contents;
}

absl::Status WriteSmall(const fs::path& path, const std::string& contents, absl::Time changed) {
  const fs::path part = path.parent_path() / ".convergia-small.part";
  {
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    out << contents;
    out.close();
    if (!out) return Fail(FailCode::kInternal, absl::StrCat("cannot write ", part.string()));
  }
  const timespec times[2] = {absl::ToTimespec(changed), absl::ToTimespec(changed)};
  if (utimensat(AT_FDCWD, part.c_str(), times, 0) != 0 || rename(part.c_str(), path.c_str()) != 0) {
    return LocalFail(path, std::error_code(errno, std::generic_category()));
  }
  return absl::OkStatus();
}

// Of a regular file; nullopt for anything else, and for nothing.
std::optional<LocalFacts> FactsOf(const fs::path& path) {
  struct stat facts = {};
  if (lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return LocalFacts::Of(facts);
}

}  // namespace

absl::Status TreeTransfer::Judge(const std::string& name, const absl::Status& status) {
  if (status.ok()) return status;
  transfer_.observer().OnTrouble(name, status);
  ++failed_;
  if (first_failure_.ok()) first_failure_ = status;
  // What Persist() could not wait for, the next file will not do either.
  return MayPassLater(status) && FailCodeOf(status) != FailCode::kBusy ? status : absl::OkStatus();
}

absl::Status TreeTransfer::Put(const fs::path& local, const std::string& remote) {
  CVG_RETURN_IF_ERROR(PutFolder(local, remote));
  return first_failure_;
}

absl::StatusOr<TreeTransfer::Listing> TreeTransfer::OpenRemote(const std::string& remote) {
  Listing there;
  CVG_RETURN_IF_ERROR(transfer_.Persist(remote, [&]() -> absl::Status {
    const absl::Status made = transfer_.storage().CreateFolder(remote);
    if (made.ok()) return made;
    if (FailCodeOf(made) != FailCode::kExists) return made;
    CVG_ASSIGN_OR_RETURN(std::vector<StoredEntry> entries, transfer_.storage().ListFolder(remote));
    for (StoredEntry& entry : entries) {
      std::string name = entry.name;
      there.insert_or_assign(std::move(name), std::move(entry));
    }
    return absl::OkStatus();
  }));
  return there;
}

absl::Status TreeTransfer::PutFolder(const fs::path& local, const std::string& remote) {
  CVG_ASSIGN_OR_RETURN(const Listing there, OpenRemote(remote));
  std::error_code error;
  std::set<fs::directory_entry> entries;  // Sorted, so that a second try does the same.
  for (fs::directory_iterator at(local, error), end; !error && at != end; at.increment(error)) {
    entries.insert(*at);
  }
  if (error) return Judge(local.string(), LocalFail(local, error));
  std::vector<Small> small;
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_directory(error) && !entry.is_symlink(error)) continue;
    CVG_RETURN_IF_ERROR(PutEntry(entry, remote, there, &small));
  }
  CVG_RETURN_IF_ERROR(PutSmall(small));
  for (const fs::directory_entry& entry : entries) {
    if (!entry.is_directory(error) || entry.is_symlink(error)) continue;
    const std::string folder = JoinPath(remote, entry.path().filename().string());
    const absl::Status status = PutFolder(entry.path(), folder);
    if (!status.ok()) {
      if (MayPassLater(status)) return status;
      CVG_RETURN_IF_ERROR(Judge(folder, status));
    }
  }
  return absl::OkStatus();
}

absl::Status TreeTransfer::PutEntry(const fs::directory_entry& entry, const std::string& folder,
                                    const Listing& there, std::vector<Small>* small) {
  const std::string remote = JoinPath(folder, entry.path().filename().string());
  const auto facts = FactsOf(entry.path());
  if (!facts.has_value()) {
    return Judge(entry.path().string(),
                 Fail(FailCode::kNotAFile, "neither a file nor a folder; left out"));
  }
  const auto known = there.find(entry.path().filename().string());
  if (known == there.end() && facts->bytes <= kPieceBytesMax) {
    small->push_back({entry.path(), remote, *facts});
    return absl::OkStatus();
  }
  bool is_there = false;
  if (known != there.end() && !known->second.is_folder) {
    const StoredEntry& stored = known->second;
    CVG_RETURN_IF_ERROR(transfer_.Persist(remote, [&]() -> absl::Status {
      CVG_ASSIGN_OR_RETURN(is_there,
                           transfer_.HasSame(folder, stored.bytes, stored.changed, *facts));
      return absl::OkStatus();
    }));
  }
  if (is_there) {
    transfer_.observer().OnExpected(facts->bytes);
    transfer_.OnProgress(facts->bytes);
    transfer_.observer().OnFile(remote, false);
    return absl::OkStatus();
  }
  return Judge(remote, transfer_.Put(entry.path(), remote));
}

absl::Status TreeTransfer::PutSmall(const std::vector<Small>& files) {
  RequestWindow window(transfer_.requester(), transfer_.options().requests_at_once);
  std::deque<const Small*> under_way;
  uint64_t bytes_under_way = 0;
  std::vector<const Small*> again;
  size_t next = 0;
  while (next < files.size() || !under_way.empty()) {
    const bool has_room = under_way.size() * 2 + 2 <= transfer_.options().requests_at_once &&
                          bytes_under_way < kSmallBytesMax;
    if (next < files.size() && has_room) {
      const Small& file = files[next++];
      auto contents = ReadSmall(file.local, file.facts);
      if (!contents.ok()) {
        CVG_RETURN_IF_ERROR(Judge(file.remote, contents.status()));
        continue;
      }
      // Requests to the same file are carried out in their order.
      window.Send("CREATEFILE", {file.remote});
      window.Send("WRITEFILE", {file.remote, "0", *std::move(contents)});
      under_way.push_back(&file);
      bytes_under_way += file.facts.bytes;
      continue;
    }
    const Small& file = *under_way.front();
    under_way.pop_front();
    bytes_under_way -= file.facts.bytes;
    const absl::Status created = window.TakeNext().status();
    const absl::Status written = window.TakeNext().status();
    if (!created.ok() || !written.ok()) {
      again.push_back(&file);
      continue;
    }
    if (FactsOf(file.local) != file.facts) {
      // What was stored would look newer than the change that it lacks.
      CVG_RETURN_IF_ERROR(Judge(file.remote, transfer_.storage().DeleteFile(file.remote)));
      again.push_back(&file);
      continue;
    }
    transfer_.observer().OnExpected(file.facts.bytes);
    transfer_.OnProgress(file.facts.bytes);
    transfer_.observer().OnFile(file.remote, true);
  }
  for (const Small* file : again) {
    CVG_RETURN_IF_ERROR(Judge(file->remote, transfer_.Put(file->local, file->remote)));
  }
  return absl::OkStatus();
}

absl::Status TreeTransfer::Get(const std::string& remote, const fs::path& local) {
  CVG_RETURN_IF_ERROR(GetFolder(remote, local));
  return first_failure_;
}

absl::Status TreeTransfer::GetFolder(const std::string& remote, const fs::path& local) {
  std::vector<StoredEntry> entries;
  const absl::Status listed = transfer_.Persist(remote, [&]() -> absl::Status {
    CVG_ASSIGN_OR_RETURN(entries, transfer_.storage().ListFolder(remote));
    return absl::OkStatus();
  });
  if (!listed.ok()) return Judge(remote, listed);
  std::error_code error;
  fs::create_directories(local, error);
  if (error) return Judge(local.string(), LocalFail(local, error));
  std::vector<Small> small;
  for (const StoredEntry& entry : entries) {
    if (entry.is_folder || IsPartName(entry.name)) continue;
    const fs::path path = local / entry.name;
    const auto have = FactsOf(path);
    if (have.has_value() && have->bytes == entry.bytes && have->changed == entry.changed) {
      transfer_.observer().OnExpected(entry.bytes);
      transfer_.OnProgress(entry.bytes);
      transfer_.observer().OnFile(JoinPath(remote, entry.name), false);
    } else if (entry.bytes < kPieceBytesMax && !fs::is_directory(path, error)) {
      small.push_back({path, JoinPath(remote, entry.name), {entry.bytes, entry.changed, {}}});
    } else {
      const std::string from = JoinPath(remote, entry.name);
      CVG_RETURN_IF_ERROR(Judge(from, transfer_.Get(from, path)));
    }
  }
  CVG_RETURN_IF_ERROR(GetSmall(small));
  for (const StoredEntry& entry : entries) {
    if (!entry.is_folder) continue;
    CVG_RETURN_IF_ERROR(GetFolder(JoinPath(remote, entry.name), local / entry.name));
  }
  return absl::OkStatus();
}

absl::Status TreeTransfer::GetSmall(const std::vector<Small>& files) {
  RequestWindow window(transfer_.requester(), transfer_.options().requests_at_once);
  std::deque<const Small*> under_way;
  uint64_t bytes_under_way = 0;
  std::vector<const Small*> again;
  size_t next = 0;
  while (next < files.size() || !under_way.empty()) {
    if (next < files.size() && !window.full() && bytes_under_way < kSmallBytesMax) {
      const Small& file = files[next++];
      // One byte more than is expected shows that the file has grown.
      window.Send("READFILE", {file.remote, "0", absl::StrCat(file.facts.bytes + 1)});
      under_way.push_back(&file);
      bytes_under_way += file.facts.bytes;
      continue;
    }
    const Small& file = *under_way.front();
    under_way.pop_front();
    bytes_under_way -= file.facts.bytes;
    const absl::StatusOr<std::string> contents = window.TakeNext();
    if (!contents.ok() || contents->size() != file.facts.bytes) {
      again.push_back(&file);
      continue;
    }
    const absl::Status written = WriteSmall(file.local, *contents, file.facts.changed);
    CVG_RETURN_IF_ERROR(Judge(file.remote, written));
    if (!written.ok()) continue;
    transfer_.observer().OnExpected(file.facts.bytes);
    transfer_.OnProgress(file.facts.bytes);
    transfer_.observer().OnFile(file.remote, true);
  }
  for (const Small* file : again) {
    CVG_RETURN_IF_ERROR(Judge(file->remote, transfer_.Get(file->remote, file->local)));
  }
  return absl::OkStatus();
}

}  // namespace convergia::client
