#include "common/disk/rocks_env.h"

#include <glog/logging.h>
#include <rocksdb/file_system.h>

#include <cstdarg>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace convergia::disk {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus ToIo(const absl::Status& status) {
  if (status.ok()) return IOStatus::OK();
  const std::string text(status.message());
  if (absl::IsNotFound(status)) return IOStatus::PathNotFound(text);
  if (IsNoSpace(status)) return IOStatus::NoSpace(text);
  return IOStatus::IOError(text);
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(size_t count, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const absl::StatusOr<size_t> got = file_->ReadAt(offset_, absl::MakeSpan(scratch, count));
    if (!got.ok()) return ToIo(got.status());
    *result = Slice(scratch, *got);
    offset_ += *got;
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t count) override {
    offset_ += count;
    return IOStatus::OK();
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(uint64_t offset, size_t count, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    const absl::StatusOr<size_t> got = file_->ReadAt(offset, absl::MakeSpan(scratch, count));
    if (!got.ok()) return ToIo(got.status());
    *result = Slice(scratch, *got);
    return IOStatus::OK();
  }

 private:
  const std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<File> file, uint64_t bytes)
      : file_(std::move(file)), bytes_(bytes) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const absl::Status written = file_->Append({absl::string_view(data.data(), data.size())});
    if (written.ok()) bytes_ += data.size();
    return ToIo(written);
  }
  IOStatus Truncate(uint64_t bytes, const IOOptions&, IODebugContext*) override {
    if (bytes >= bytes_) return IOStatus::OK();
    bytes_ = bytes;
    return ToIo(file_->Truncate(bytes));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return ToIo(file_->Sync()); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return bytes_; }

 private:
  const std::unique_ptr<File> file_;
  uint64_t bytes_;
};

class Folder final : public rocksdb::FSDirectory {
 public:
  Folder(Disk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return ToIo(disk_->SyncFolder(path_));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  Disk* const disk_;
  const std::string path_;
};

// Sends RocksDB's warnings to the node's log.
class NodeLogger final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level == rocksdb::InfoLogLevel::HEADER_LEVEL) {
      return;
    }
    char text[500];
    vsnprintf(text, sizeof(text), format, arguments);
    LOG(WARNING) << "rocksdb: " << text;
  }
  // Without level: the hundreds of lines of options at every start.
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {}
  // Never long enough to begin another: the node's log looks after itself.
  size_t GetLogFileSize() const override { return 0; }
};

struct HeldLock final : public rocksdb::FileLock {
  std::unique_ptr<Lock> lock;
};

class DiskFileSystem final : public rocksdb::FileSystem {
 public:
  explicit DiskFileSystem(Disk* disk) : disk_(disk) {}

  const char* Name() const override { return "ConvergiaDisk"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    return OpenAs<SequentialFile>(path, result);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    return OpenAs<RandomAccessFile>(path, result);
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    auto file = disk_->Open(path, OpenMode::kCreateEmpty);
    if (!file.ok()) return ToIo(file.status());
    *result = std::make_unique<WritableFile>(*std::move(file), 0);
    return IOStatus::OK();
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext* dbg) override {
    auto file = disk_->Open(path, OpenMode::kReadAppend);
    if (absl::IsNotFound(file.status())) return NewWritableFile(path, options, result, dbg);
    if (!file.ok()) return ToIo(file.status());
    const absl::StatusOr<uint64_t> bytes = (*file)->Size();
    if (!bytes.ok()) return ToIo(bytes.status());
    *result = std::make_unique<WritableFile>(*std::move(file), *bytes);
    return IOStatus::OK();
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    *result = std::make_unique<Folder>(disk_, Trim(path));
    return IOStatus::OK();
  }
  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>* result,
                     IODebugContext*) override {
    *result = std::make_shared<NodeLogger>();
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    const absl::Status there = disk_->Inspect(Trim(path)).status();
    return absl::IsNotFound(there) ? IOStatus::NotFound(path) : ToIo(there);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    auto names = disk_->List(Trim(path));
    if (!names.ok()) return ToIo(names.status());
    *result = *std::move(names);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIo(disk_->Remove(path));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIo(disk_->MakeFolder(Trim(path)));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIo(disk_->MakeFolder(Trim(path)));
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIo(disk_->Remove(Trim(path)));
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* bytes,
                       IODebugContext*) override {
    const absl::StatusOr<FileFacts> facts = disk_->Inspect(path);
    if (facts.ok()) *bytes = facts->bytes;
    return ToIo(facts.status());
  }
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions&, uint64_t* seconds,
                                   IODebugContext*) override {
    const absl::StatusOr<FileFacts> facts = disk_->Inspect(path);
    if (facts.ok()) *seconds = static_cast<uint64_t>(absl::ToUnixSeconds(facts->modified));
    return ToIo(facts.status());
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_folder,
                       IODebugContext*) override {
    const absl::StatusOr<FileFacts> facts = disk_->Inspect(Trim(path));
    if (facts.ok()) *is_folder = facts->is_folder;
    return ToIo(facts.status());
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return ToIo(disk_->Rename(from, to));
  }
  IOStatus Truncate(const std::string& path, size_t bytes, const IOOptions&,
                    IODebugContext*) override {
    auto file = disk_->Open(path, OpenMode::kReadAppend);
    return file.ok() ? ToIo((*file)->Truncate(bytes)) : ToIo(file.status());
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* bytes,
                        IODebugContext*) override {
    const absl::StatusOr<Space> space = disk_->FreeSpace(Trim(path));
    if (space.ok()) *bytes = space->free_bytes;
    return ToIo(space.status());
  }

  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    auto taken = disk_->TakeLock(path);
    if (!taken.ok()) return ToIo(taken.status());
    auto held = std::make_unique<HeldLock>();
    held->lock = *std::move(taken);
    *lock = held.release();
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete static_cast<HeldLock*>(lock);
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("no test directory");
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }

 private:
  // RocksDB writes some folders with a slash at the end.
  static std::string Trim(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  template <typename Adapter, typename Result>
  IOStatus OpenAs(const std::string& path, Result* result) {
    auto file = disk_->Open(path, OpenMode::kRead);
    if (!file.ok()) return ToIo(file.status());
    *result = std::make_unique<Adapter>(*std::move(file));
    return IOStatus::OK();
  }

  Disk* const disk_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeRocksEnv(Disk& disk) {
  return rocksdb::NewCompositeEnv(std::make_shared<DiskFileSystem>(&disk));
}

}  // namespace convergia::disk
