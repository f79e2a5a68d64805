#include "common/store/faulty_disk.h"

#include <glog/logging.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"

namespace convergia::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class FaultyDisk::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyDisk* disk, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus allowed = disk_->Write(name_, data.size());
    return allowed.ok() ? target()->Append(data, options, dbg) : allowed;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus allowed = disk_->Sync(name_);
    return allowed.ok() ? target()->Sync(options, dbg) : allowed;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus allowed = disk_->Sync(name_);
    return allowed.ok() ? target()->Fsync(options, dbg) : allowed;
  }

 private:
  FaultyDisk* const disk_;
  const std::string name_;
};

void FaultyDisk::FailSyncs() {
  absl::MutexLock lock(&mu_);
  syncs_fail_ = true;
}

void FaultyDisk::CutPower() {
  absl::MutexLock lock(&mu_);
  power_is_cut_ = true;
}

void FaultyDisk::LoseUnsynced() {
  absl::MutexLock lock(&mu_);
  for (const auto& [name, sizes] : files_) {
    std::error_code error;
    if (std::filesystem::file_size(name, error) <= sizes.synced || error) continue;
    PCHECK(truncate(name.c_str(), sizes.synced) == 0) << name;
  }
  files_.clear();
  power_is_cut_ = false;
}

int FaultyDisk::wal_syncs() const {
  absl::MutexLock lock(&mu_);
  return wal_syncs_;
}

IOStatus FaultyDisk::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  const IOStatus status = target()->NewWritableFile(name, options, &opened, dbg);
  if (!status.ok()) return status;
  *file = std::make_unique<File>(this, name, std::move(opened));
  absl::MutexLock lock(&mu_);
  files_[name] = Sizes();
  return status;
}

IOStatus FaultyDisk::RenameFile(const std::string& from, const std::string& to,
                                const IOOptions& options, IODebugContext* dbg) {
  const IOStatus status = target()->RenameFile(from, to, options, dbg);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mu_);
  if (auto sizes = files_.extract(from); !sizes.empty()) files_[to] = sizes.mapped();
  return status;
}

IOStatus FaultyDisk::Write(const std::string& name, uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  if (power_is_cut_) return IOStatus::IOError("the power is cut");
  files_[name].written += bytes;
  return IOStatus::OK();
}

IOStatus FaultyDisk::Sync(const std::string& name) {
  absl::MutexLock lock(&mu_);
  if (power_is_cut_) return IOStatus::IOError("the power is cut");
  if (syncs_fail_) return IOStatus::IOError("the disk cannot sync");
  Sizes& sizes = files_[name];
  sizes.synced = sizes.written;
  if (absl::EndsWith(name, ".log")) ++wal_syncs_;
  return IOStatus::OK();
}

}  // namespace convergia::store
