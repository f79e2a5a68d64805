// A data server whose disk hangs for some seconds takes no new chunks meanwhile, and takes them
// again as soon as it has caught up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/disk.h"
#include "common/disk/real_disk.h"
#include "tests/storage/storage_cluster.h"
#include "tests/testing/eventually.h"

namespace convergia::testing {
namespace {

using datamgr::ClassPreference;
using datamgr::VolumeClass;

// The machine's disk, on which Sync() of the files of one folder can hang. Thread-safe.
class HangingDisk final : public disk::Disk {
 public:
  void Hang(const std::string& folder) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    hanging_ = folder;
  }
  void Continue() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    hanging_.clear();
  }
  void AwaitTurn(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto runs = [&] { return hanging_.empty() || !absl::StartsWith(path, hanging_); };
    absl::MutexLock lock(&mu_, absl::Condition(&runs));
  }

  absl::StatusOr<std::unique_ptr<disk::File>> Open(const std::string& path,
                                                   disk::OpenMode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return real_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return real_.Remove(path); }
  absl::Status MakeFolder(const std::string& path) override { return real_.MakeFolder(path); }
  absl::Status SyncFolder(const std::string& path) override { return real_.SyncFolder(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return real_.List(path);
  }
  absl::StatusOr<disk::FileFacts> Inspect(const std::string& path) override {
    return real_.Inspect(path);
  }
  absl::StatusOr<disk::Space> FreeSpace(const std::string& path) override {
    return real_.FreeSpace(path);
  }
  absl::StatusOr<std::unique_ptr<disk::Lock>> TakeLock(const std::string& path) override {
    return real_.TakeLock(path);
  }

 private:
  disk::Disk& real_ = disk::RealDisk();
  absl::Mutex mu_;
  std::string hanging_ ABSL_GUARDED_BY(mu_);  // Empty: nothing hangs.
};

class HangingFile final : public disk::File {
 public:
  HangingFile(HangingDisk& disk, std::string path, std::unique_ptr<disk::File> file)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Append(absl::Span<const absl::string_view> pieces) override {
    return file_->Append(pieces);
  }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> into) const override {
    return file_->ReadAt(offset, into);
  }
  absl::Status Sync() override {
    disk_.AwaitTurn(path_);
    return file_->Sync();
  }
  absl::Status Truncate(uint64_t bytes) override { return file_->Truncate(bytes); }
  absl::Status Allocate(uint64_t bytes) override { return file_->Allocate(bytes); }
  absl::StatusOr<uint64_t> Size() const override { return file_->Size(); }

 private:
  HangingDisk& disk_;
  const std::string path_;
  const std::unique_ptr<disk::File> file_;
};

absl::StatusOr<std::unique_ptr<disk::File>> HangingDisk::Open(const std::string& path,
                                                              disk::OpenMode mode) {
  auto file = real_.Open(path, mode);
  if (!file.ok()) return file.status();
  return std::make_unique<HangingFile>(*this, path, *std::move(file));
}

TEST(SlowServerTest, IsWrittenToAgainAsSoonAsItHasCaughtUp) {
  HangingDisk disk;
  StorageCluster::Options options;
  options.dir = absl::StrCat(::testing::TempDir(), "/slow_server_test.", getpid());
  options.disk = &disk;
  std::filesystem::create_directories(options.dir);
  options.rules.slow_pause = absl::Hours(1);
  StorageCluster cluster(options);
  for (int i = 0; i < 3; ++i) cluster.AddServer(VolumeClass::kVolatile);
  ASSERT_OK(cluster.Write("before", ClassPreference::kVolatile));
  disk.Hang(cluster.DirOf(2));
  for (int i = 0; i < 2; ++i) {
    const auto written = cluster.Write("meanwhile", ClassPreference::kVolatile);
    ASSERT_EQ(FailCodeOf(written.status()), FailCode::kUnavailable) << written.status();
    EXPECT_THAT(std::string(written.status().message()), ::testing::HasSubstr("d2"));
  }
  disk.Continue();
  EXPECT_TRUE(Eventually([&] {
    const auto written = cluster.Write("after", ClassPreference::kVolatile);
    return written.ok() && cluster.CopiesOf(*written) == 3;
  }));
}

}  // namespace
}  // namespace convergia::testing
