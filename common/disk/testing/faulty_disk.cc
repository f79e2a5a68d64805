#include "common/disk/testing/faulty_disk.h"

#include <glog/logging.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::disk {
namespace {

constexpr size_t kPageBytes = 4096;

absl::Status NotThere(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, " is not there"));
}

}  // namespace

class FaultyDisk::OpenFile final : public File {
 public:
  OpenFile(FaultyDisk* disk, std::shared_ptr<Node> node, int start)
      : disk_(disk), node_(std::move(node)), start_(start) {}

  absl::Status Append(absl::Span<const absl::string_view> pieces) override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    for (absl::string_view piece : pieces) {
      const size_t room = disk_->Room();
      if (piece.size() > room) {
        absl::StrAppend(&node_->bytes, piece.substr(0, room));  // As a real disk does.
        return Fail(FailCode::kNoSpace, "the disk is full");
      }
      absl::StrAppend(&node_->bytes, piece);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> into) const override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    if (offset >= node_->bytes.size()) return 0;
    const size_t count = std::min<size_t>(into.size(), node_->bytes.size() - offset);
    std::memcpy(into.data(), node_->bytes.data() + offset, count);
    return count;
  }

  absl::Status Sync() override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    return disk_->SyncNode(node_.get());
  }

  absl::Status Truncate(uint64_t bytes) override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    CHECK_LE(bytes, node_->bytes.size());
    node_->bytes.resize(bytes);
    node_->same = std::min<size_t>(node_->same, bytes);
    for (auto& [from, to] : node_->forgotten) to = std::min<size_t>(to, bytes);
    return absl::OkStatus();
  }

  absl::Status Allocate(uint64_t bytes) override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    if (bytes <= node_->bytes.size()) return absl::OkStatus();
    if (bytes - node_->bytes.size() > disk_->Room()) {
      return Fail(FailCode::kNoSpace, "the disk is full");
    }
    node_->bytes.resize(bytes, '\0');
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() const override {
    absl::MutexLock lock(&disk_->mu_);
    CVG_RETURN_IF_ERROR(Usable());
    return node_->bytes.size();
  }

  void DropCache(uint64_t offset, uint64_t bytes) const override {
    absl::MutexLock lock(&disk_->mu_);
    disk_->Forget(node_.get());
  }

 private:
  absl::Status Usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mu_) {
    CVG_RETURN_IF_ERROR(disk_->Alive());
    if (start_ == disk_->start_) return absl::OkStatus();
    return absl::UnavailableError("this file was opened before the power was cut");
  }

  FaultyDisk* const disk_;
  const std::shared_ptr<Node> node_;
  const int start_;
};

class FaultyDisk::OpenLock final : public Lock {
 public:
  OpenLock(FaultyDisk* disk, std::string path, int start)
      : disk_(disk), path_(std::move(path)), start_(start) {}
  ~OpenLock() override {
    absl::MutexLock lock(&disk_->mu_);
    if (start_ == disk_->start_) disk_->locks_.erase(path_);
  }

 private:
  FaultyDisk* const disk_;
  const std::string path_;
  const int start_;
};

void FaultyDisk::CutPowerAtSync(int nth) {
  absl::MutexLock lock(&mu_);
  cut_at_ = syncs_ + nth;
}

void FaultyDisk::CutPower() {
  absl::MutexLock lock(&mu_);
  power_is_cut_ = true;
}

void FaultyDisk::PowerOn(Loss loss, uint64_t seed) {
  absl::MutexLock lock(&mu_);
  Rng rng(seed);
  if (loss == Loss::kSome) {
    std::map<std::string, bool> folder_survives;
    const Names written = names_;
    for (const auto& [path, node] : written) folder_survives[FolderOf(path)] = rng() % 2 == 0;
    for (const auto& [folder, survives] : folder_survives) {
      if (survives) CopyNames(folder, written, &durable_names_);
    }
  }
  names_.clear();
  for (const auto& [path, node] : durable_names_) {  // Sorted: a folder before what is in it.
    const std::string folder = FolderOf(path);
    if (folder != "/" && folder != "." && names_.count(folder) == 0) continue;
    LoseBytes(node.get(), loss, rng());
    names_[path] = node;
  }
  durable_names_ = names_;
  locks_.clear();
  cut_at_.reset();
  power_is_cut_ = false;
  ++start_;
}

void FaultyDisk::LoseBytes(Node* node, Loss loss, uint64_t lot) {
  Rng rng(lot);
  std::string left = node->durable;
  const bool was_truncated = node->bytes.size() < node->durable.size();
  if (loss == Loss::kSome && !(was_truncated && rng() % 2 == 0)) {
    const size_t first = node->same;
    const size_t last =
        node->bytes.size() > first ? first + rng() % (node->bytes.size() - first + 1) : first;
    left = node->bytes.substr(0, last);
    for (size_t page = first / kPageBytes * kPageBytes; page < last; page += kPageBytes) {
      if (rng() % 3 != 0) continue;  // This page was not written.
      const size_t from = std::max(page, first);
      const size_t to = std::min(page + kPageBytes, last);
      for (size_t i = from; i < to; ++i) left[i] = i < node->durable.size() ? node->durable[i] : 0;
    }
    for (const auto& [from, to] : node->forgotten) {
      for (size_t i = from; i < std::min(to, last); ++i) left[i] = 0;
    }
  }
  node->bytes = left;
  node->durable = left;
  node->same = left.size();
  node->forgotten.clear();
}

void FaultyDisk::FailSync(int nth) {
  absl::MutexLock lock(&mu_);
  fail_at_ = file_syncs_ + nth;
}

void FaultyDisk::SetCapacity(uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  capacity_ = bytes;
}

void FaultyDisk::FlipBits(const std::string& path, uint64_t offset, uint8_t mask) {
  absl::MutexLock lock(&mu_);
  const auto found = names_.find(path);
  CHECK(found != names_.end()) << path;
  Node& node = *found->second;
  CHECK_LT(offset, node.bytes.size()) << path;
  node.bytes[offset] ^= static_cast<char>(mask);
  if (offset < node.durable.size()) node.durable[offset] = node.bytes[offset];
}

bool FaultyDisk::power_is_cut() const {
  absl::MutexLock lock(&mu_);
  return power_is_cut_;
}

int FaultyDisk::syncs() const {
  absl::MutexLock lock(&mu_);
  return syncs_;
}

uint64_t FaultyDisk::used_bytes() const {
  absl::MutexLock lock(&mu_);
  return Used();
}

uint64_t FaultyDisk::Used() const {
  uint64_t used = 0;
  for (const auto& [path, node] : names_) used += node->bytes.size();
  return used;
}

uint64_t FaultyDisk::Room() const {
  const uint64_t used = Used();
  return used < capacity_ ? capacity_ - used : 0;
}

absl::Status FaultyDisk::Alive() const {
  return power_is_cut_ ? absl::UnavailableError("the power is cut") : absl::OkStatus();
}

absl::Status FaultyDisk::CountSync() {
  ++syncs_;
  if (cut_at_.has_value() && syncs_ >= *cut_at_) power_is_cut_ = true;
  return Alive();
}

absl::Status FaultyDisk::SyncNode(Node* node) {
  CVG_RETURN_IF_ERROR(CountSync());
  ++file_syncs_;
  if (fail_at_ == file_syncs_) {
    node->forgotten.emplace_back(node->same, node->bytes.size());
    return absl::UnavailableError("the disk could not write (EIO)");
  }
  node->durable.resize(node->same);
  absl::StrAppend(&node->durable, absl::string_view(node->bytes).substr(node->same));
  for (const auto& [from, to] : node->forgotten) {
    for (size_t i = from; i < std::min(to, node->durable.size()); ++i) node->durable[i] = 0;
  }
  node->same = node->bytes.size();
  return absl::OkStatus();
}

void FaultyDisk::Forget(Node* node) {
  for (const auto& [from, to] : node->forgotten) {
    for (size_t i = from; i < std::min(to, node->bytes.size()); ++i) node->bytes[i] = 0;
  }
  node->forgotten.clear();
}

absl::StatusOr<std::shared_ptr<FaultyDisk::Node>> FaultyDisk::Find(const std::string& path) const {
  CVG_RETURN_IF_ERROR(Alive());
  const auto found = names_.find(path);
  if (found == names_.end()) return NotThere(path);
  return found->second;
}

absl::StatusOr<std::unique_ptr<File>> FaultyDisk::Open(const std::string& path, OpenMode mode) {
  absl::MutexLock lock(&mu_);
  CVG_RETURN_IF_ERROR(Alive());
  std::shared_ptr<Node>* node = nullptr;
  if (const auto found = names_.find(path); found != names_.end()) node = &found->second;
  if (mode == OpenMode::kRead || mode == OpenMode::kReadAppend) {
    if (node == nullptr) return NotThere(path);
  } else if (node != nullptr && mode == OpenMode::kCreate) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there"));
  } else if (node == nullptr) {
    const std::string folder = FolderOf(path);
    if (folder != "/" && names_.count(folder) == 0) return NotThere(folder);
    node = &(names_[path] = std::make_shared<Node>());
  } else {
    (*node)->bytes.clear();
    (*node)->same = 0;
  }
  return std::make_unique<OpenFile>(this, *node, start_);
}

absl::Status FaultyDisk::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mu_);
  CVG_ASSIGN_OR_RETURN(std::shared_ptr<Node> node, Find(from));
  CHECK(!node->is_folder) << "this disk does not rename folders";
  names_.erase(from);
  names_[to] = std::move(node);
  return absl::OkStatus();
}

absl::Status FaultyDisk::Remove(const std::string& path) {
  absl::MutexLock lock(&mu_);
  CVG_ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, Find(path));
  const auto next = names_.upper_bound(absl::StrCat(path, "/"));
  if (node->is_folder && next != names_.end() &&
      absl::StartsWith(next->first, absl::StrCat(path, "/"))) {
    return absl::UnavailableError(absl::StrCat(path, " is not empty"));
  }
  names_.erase(path);
  return absl::OkStatus();
}

absl::Status FaultyDisk::MakeFolder(const std::string& path) {
  absl::MutexLock lock(&mu_);
  CVG_RETURN_IF_ERROR(Alive());
  const std::string folder = FolderOf(path);
  if (folder != "/" && names_.count(folder) == 0) return NotThere(folder);
  std::shared_ptr<Node>& node = names_[path];
  if (node == nullptr) {
    node = std::make_shared<Node>();
    node->is_folder = true;
  }
  return node->is_folder ? absl::OkStatus() : absl::AlreadyExistsError(path);
}

void FaultyDisk::CopyNames(const std::string& folder, const Names& from, Names* to) {
  const auto in_folder = [&](const Names::value_type& name) {
    return FolderOf(name.first) == folder;
  };
  for (auto it = to->begin(); it != to->end();) it = in_folder(*it) ? to->erase(it) : std::next(it);
  for (const auto& name : from) {
    if (in_folder(name)) to->insert(name);
  }
}

absl::Status FaultyDisk::SyncFolder(const std::string& path) {
  absl::MutexLock lock(&mu_);
  if (path != "/") CVG_RETURN_IF_ERROR(Find(path).status());
  CVG_RETURN_IF_ERROR(CountSync());
  CopyNames(path, names_, &durable_names_);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FaultyDisk::List(const std::string& path) {
  absl::MutexLock lock(&mu_);
  if (path != "/") CVG_RETURN_IF_ERROR(Find(path).status());
  std::vector<std::string> names;
  for (const auto& [name, node] : names_) {
    if (FolderOf(name) == path) names.push_back(name.substr(name.rfind('/') + 1));
  }
  return names;
}

absl::StatusOr<FileFacts> FaultyDisk::Inspect(const std::string& path) {
  absl::MutexLock lock(&mu_);
  CVG_ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, Find(path));
  return FileFacts{node->bytes.size(), node->is_folder, absl::UnixEpoch()};
}

absl::StatusOr<Space> FaultyDisk::FreeSpace(const std::string& path) {
  absl::MutexLock lock(&mu_);
  CVG_RETURN_IF_ERROR(Alive());
  return Space{capacity_, Room()};
}

absl::StatusOr<std::unique_ptr<Lock>> FaultyDisk::TakeLock(const std::string& path) {
  absl::MutexLock lock(&mu_);
  CVG_RETURN_IF_ERROR(Alive());
  if (!locks_.insert({path, true}).second) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is locked"));
  }
  return std::make_unique<OpenLock>(this, path, start_);
}

}  // namespace convergia::disk
