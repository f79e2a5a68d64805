#include "client/files/tree_transfer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

// The most bytes of small files under way at once.
constexpr uint64_t kSmallBytesMax = 4 * kPieceBytesMax;

// Reads a whole file of at most kPieceBytesMax. Errors: kBusy if it is larger or changes.
absl::StatusOr<std::string> ReadSmall(const fs::path& path, const LocalFacts& facts) {
  CVG_ASSIGN_OR_RETURN(const Descriptor fd, OpenRegular(path));
  CVG_ASSIGN_OR_RETURN(std::string contents, ReadPieceOf(fd.get(), 0, kPieceBytesMax + 1));
  struct stat now = {};
  const bool is_same = fstat(fd.get(), &now) == 0 && LocalFacts::Of(now) == facts;
  if (is_same && contents.size() <= kPieceBytesMax) return contents;
  return Fail(FailCode::kBusy, absl::StrCat(path.string(), " changes while it is read"));
}

absl::Status WriteSmall(const fs::path& path, const std::string& contents, absl::Time changed) {
  CVG_ASSIGN_OR_RETURN(const LocalTarget target, LocalTarget::Find(path.string()));
  CVG_ASSIGN_OR_RETURN(const auto output, LocalOutput::Open(target));
  CVG_RETURN_IF_ERROR(output->Write(contents));
  return output->Commit(changed, /*sync=*/false);
}

// The facts of a regular file; nullopt for anything else.
std::optional<LocalFacts> FactsOf(const struct stat& facts) {
  if (!S_ISREG(facts.st_mode)) return std::nullopt;
  return LocalFacts::Of(facts);
}

// The facts of a file after links, since files are written through links.
std::optional<LocalFacts> FactsBehindLinks(const fs::path& path) {
  struct stat facts = {};
  return stat(path.c_str(), &facts) == 0 ? FactsOf(facts) : std::nullopt;
}

absl::Status HasLineBreak() {
  return Fail(FailCode::kBadField, "has a line break in its name; left out");
}

// Whether `info`, an answer to GETINFO, describes a file with this content.
bool TellsOf(absl::string_view info, const ContentHash& content) {
  return line::ValueInRows(info, "type") == "file" &&
         line::ValueInRows(info, "hash") == content.hash;
}

}  // namespace

absl::Status TreeTransfer::Judge(const std::string& name, const absl::Status& status) {
  if (status.ok()) return status;
  if (EndsAllTransfers(status)) return About(name, status);
  transfer_.observer().OnTrouble(name, status);
  ++failed_;
  if (first_failure_.ok()) first_failure_ = About(name, status);
  return absl::OkStatus();
}

absl::Status TreeTransfer::Verdict() const {
  if (first_failure_.ok()) return absl::OkStatus();
  const absl::string_view how_many =
      failed_ == 1 ? " was left out: " : " were left out; the first: ";
  return Fail(FailCodeOf(first_failure_),
              absl::StrCat(failed_, how_many, first_failure_.message()));
}

void TreeTransfer::OnDone(const Small& file, uint64_t bytes, bool moved) {
  transfer_.observer().OnExpected(bytes);
  transfer_.OnProgress(bytes, moved);
  transfer_.observer().OnFile(file.remote, moved);
  AddCreated(file);
}

absl::Status TreeTransfer::CheckNotCreated(const std::string& name) const {
  return options_.created == nullptr ? absl::OkStatus() : options_.created->Check(name);
}

void TreeTransfer::AddCreated(const Small& file) {
  if (options_.created != nullptr) options_.created->Add(file.created);
}

absl::Status TreeTransfer::Put(const fs::path& local, const std::string& remote) {
  CVG_RETURN_IF_ERROR(PutFolder(local, remote));
  return Verdict();
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
  if (absl::StrContains(remote, '\n')) return Judge(local.string(), HasLineBreak());
  struct stat facts = {};
  if (options_.follow_links && stat(local.c_str(), &facts) == 0) {
    const std::pair<dev_t, ino_t> folder(facts.st_dev, facts.st_ino);
    if (absl::c_linear_search(above_, folder)) {
      return Judge(local.string(),
                   Fail(FailCode::kBadField, "is a link to a folder that it is in; left out"));
    }
    above_.push_back(folder);
  }
  auto there = OpenRemote(remote);
  const absl::Status status =
      there.ok() ? PutEntries(local, remote, *there) : Judge(remote, there.status());
  if (!above_.empty()) above_.pop_back();
  return status;
}

absl::Status TreeTransfer::PutEntries(const fs::path& local, const std::string& remote,
                                      const Listing& there) {
  std::error_code error;
  Entries files, folders;
  for (fs::directory_iterator at(local, error), end; !error && at != end; at.increment(error)) {
    if (IsPartName(at->path().filename().string())) continue;
    std::error_code ignored;
    const bool is_folder =
        at->is_directory(ignored) && (options_.follow_links || !at->is_symlink(ignored));
    (is_folder ? folders : files).push_back(*at);
  }
  if (error) return Judge(local.string(), LocalFail(error.value(), "read", local));
  std::sort(files.begin(), files.end());  // A second try has the same order.
  std::sort(folders.begin(), folders.end());
  CVG_RETURN_IF_ERROR(PutFiles(files, remote, there));
  for (const fs::directory_entry& folder : folders) {
    CVG_RETURN_IF_ERROR(
        PutFolder(folder.path(), JoinPath(remote, folder.path().filename().string())));
  }
  return absl::OkStatus();
}

absl::StatusOr<TreeTransfer::Small> TreeTransfer::FileToPut(const fs::path& path,
                                                            const std::string& folder) const {
  struct stat status = {};
  const int failed =
      options_.follow_links ? stat(path.c_str(), &status) : lstat(path.c_str(), &status);
  if (failed != 0) return LocalFail(errno, "read", path);
  const auto facts = FactsOf(status);
  if (!facts.has_value()) {
    return Fail(FailCode::kNotAFile, absl::StrCat("is ", KindOf(status.st_mode), "; left out"));
  }
  const std::string remote = JoinPath(folder, path.filename().string());
  if (absl::StrContains(remote, '\n')) return HasLineBreak();
  CVG_RETURN_IF_ERROR(CheckNotCreated(remote));
  return Small{path, remote, *facts, remote};
}

absl::Status TreeTransfer::PutFiles(const Entries& entries, const std::string& folder,
                                    const Listing& there) {
  const bool has_parts = std::any_of(there.begin(), there.end(),
                                     [](const auto& entry) { return entry.second.is_part; });
  std::vector<Small> small, others, perhaps_same;
  for (const fs::directory_entry& entry : entries) {
    const auto file = FileToPut(entry.path(), folder);
    if (!file.ok()) {
      CVG_RETURN_IF_ERROR(Judge(entry.path().string(), file.status()));
      continue;
    }
    const auto known = there.find(entry.path().filename().string());
    const bool is_there = known != there.end() && !known->second.is_part;
    const bool is_same_size =
        is_there && !known->second.is_folder && known->second.bytes == file->facts.bytes;
    const bool is_small =
        file->facts.bytes <= kPieceBytesMax && !(is_there && known->second.is_folder);
    // A part may belong to an earlier content of this file: Put() checks that.
    (is_same_size ? perhaps_same : is_small && !has_parts ? small : others).push_back(*file);
  }
  CVG_RETURN_IF_ERROR(LeaveSame(perhaps_same, [&](const Small& file) {
    (file.facts.bytes <= kPieceBytesMax && !has_parts ? small : others).push_back(file);
    return absl::OkStatus();
  }));
  CVG_RETURN_IF_ERROR(PutSmall(small));
  for (const Small& file : others) CVG_RETURN_IF_ERROR(PutOne(file));
  return absl::OkStatus();
}

absl::Status TreeTransfer::PutOne(const Small& file) {
  const absl::Status status = transfer_.Put(file.local, file.remote);
  if (status.ok()) AddCreated(file);
  return Judge(file.local.string(), status);
}

absl::Status TreeTransfer::LeaveSame(const std::vector<Small>& files,
                                     const std::function<absl::Status(const Small&)>& other) {
  RequestWindow window(transfer_.requester(), transfer_.options().requests_at_once);
  size_t asked = 0;
  for (const Small& file : files) {
    while (asked < files.size() && !window.full()) {
      window.Send("GETINFO", {files[asked++].remote});
    }
    const absl::StatusOr<std::string> info = window.TakeNext();
    bool is_same = false;
    if (info.ok() && !line::ValueInRows(*info, "hash").empty()) {
      const auto fd = OpenRegular(file.local);
      const auto content = fd.ok() ? HashOf(fd->get()) : fd.status();
      is_same = content.ok() && TellsOf(*info, *content);
    }
    if (is_same) {
      OnDone(file, file.facts.bytes, false);
    } else {
      CVG_RETURN_IF_ERROR(other(file));
    }
  }
  return absl::OkStatus();
}

absl::Status TreeTransfer::PutSmall(const std::vector<Small>& files) {
  struct UnderWay {
    const Small* file;
    std::string part;
    uint64_t bytes;
  };
  constexpr size_t kRequests = 3;  // For each file.
  RequestWindow window(transfer_.requester(), transfer_.options().requests_at_once);
  std::deque<UnderWay> under_way;
  uint64_t bytes_under_way = 0;
  std::vector<const Small*> again;
  size_t next = 0;
  while (next < files.size() || !under_way.empty()) {
    const bool has_room =
        (under_way.size() + 1) * kRequests <= transfer_.options().requests_at_once &&
        bytes_under_way < kSmallBytesMax;
    if (next < files.size() && has_room) {
      const Small& file = files[next++];
      auto contents = ReadSmall(file.local, file.facts);
      if (!contents.ok()) {
        again.push_back(&file);
        continue;
      }
      const std::string part = JoinPath(SplitPath(file.remote).first, RandomPartName());
      under_way.push_back({&file, part, contents->size()});
      bytes_under_way += contents->size();
      // Requests to the same file are carried out in order, and fail if earlier ones fail.
      window.Send("CREATEFILE", {part, "part"});
      window.Send("WRITEFILE", {part, "0", *std::move(contents)});
      window.Send("MOVE", {part, file.remote, "replace"});
      continue;
    }
    const UnderWay first = std::move(under_way.front());
    under_way.pop_front();
    bytes_under_way -= first.bytes;
    const absl::Status created = window.TakeNext().status();
    const absl::Status written = window.TakeNext().status();
    const absl::Status moved = window.TakeNext().status();
    if (!created.ok() || !written.ok() || !moved.ok()) {
      // Put() reports the error. If the part cannot be deleted here, the server deletes it.
      if (created.ok() && !moved.ok()) transfer_.storage().DeleteFile(first.part).IgnoreError();
      again.push_back(first.file);
      continue;
    }
    OnDone(*first.file, first.bytes, true);
  }
  for (const Small* file : again) CVG_RETURN_IF_ERROR(PutOne(*file));
  return absl::OkStatus();
}

absl::Status TreeTransfer::Get(const std::string& remote, const fs::path& local) {
  CVG_RETURN_IF_ERROR(GetFolder(remote, local));
  return Verdict();
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
  if (error) return Judge(local.string(), LocalFail(error.value(), "make the folder", local));
  std::vector<Small> small, others, perhaps_same;
  for (const StoredEntry& entry : entries) {
    if (entry.is_folder || entry.is_part) continue;
    const fs::path path = local / entry.name;
    const std::string created = options_.created == nullptr ? "" : NameBehindLinks(path);
    if (const absl::Status free = CheckNotCreated(created); !free.ok()) {
      CVG_RETURN_IF_ERROR(Judge(JoinPath(remote, entry.name), free));
      continue;
    }
    const auto have = FactsBehindLinks(path);
    const bool is_same_size = have.has_value() && have->bytes == entry.bytes;
    (is_same_size                   ? perhaps_same
     : entry.bytes < kPieceBytesMax ? small
                                    : others)
        .push_back({path, JoinPath(remote, entry.name), {entry.bytes, entry.changed, {}}, created});
  }
  CVG_RETURN_IF_ERROR(LeaveSame(perhaps_same, [&](const Small& file) {
    // A file of the same time may be the same one without a hash: Get() compares the content.
    const auto have = FactsBehindLinks(file.local);
    const bool is_same_time = have.has_value() && have->changed == file.facts.changed;
    (file.facts.bytes < kPieceBytesMax && !is_same_time ? small : others).push_back(file);
    return absl::OkStatus();
  }));
  CVG_RETURN_IF_ERROR(GetSmall(small));
  for (const Small& file : others) CVG_RETURN_IF_ERROR(GetOne(file));
  for (const StoredEntry& entry : entries) {
    if (!entry.is_folder) continue;
    CVG_RETURN_IF_ERROR(GetFolder(JoinPath(remote, entry.name), local / entry.name));
  }
  return absl::OkStatus();
}

absl::Status TreeTransfer::GetOne(const Small& file) {
  const absl::Status status = transfer_.Get(file.remote, file.local.string());
  if (status.ok()) AddCreated(file);
  return Judge(file.remote, status);
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
      // One byte more than expected shows whether the file has grown.
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
    if (written.ok()) OnDone(file, file.facts.bytes, true);
  }
  for (const Small* file : again) CVG_RETURN_IF_ERROR(GetOne(*file));
  return absl::OkStatus();
}

}  // namespace convergia::client
