#include "common/disk/disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/real_disk.h"
#include "common/disk/testing/faulty_disk.h"

namespace convergia::disk {
namespace {

// The duties of every disk, checked on both.
class DiskTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      root_ = absl::StrCat(testing::TempDir(), "/disk_test.", getpid());
      std::filesystem::remove_all(root_);
    }
    ASSERT_OK(disk().MakeFolder(root_));
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(root_);
  }

  Disk& disk() { return GetParam() ? RealDisk() : faulty_; }
  std::string Path(absl::string_view name) { return absl::StrCat(root_, "/", name); }

  FaultyDisk faulty_;
  std::string root_ = "/root";
};

TEST_P(DiskTest, AppendsPiecesInOrderAndReadsThemAtAnyOffset) {
  ASSERT_OK_AND_ASSIGN(auto file, disk().Open(Path("a"), OpenMode::kCreate));
  ASSERT_OK(file->Append({"one", "", "two"}));
  ASSERT_OK(file->Append({"three"}));
  ASSERT_OK(file->Sync());
  char bytes[20];
  ASSERT_OK_AND_ASSIGN(const size_t count, file->ReadAt(3, absl::MakeSpan(bytes)));
  EXPECT_EQ(absl::string_view(bytes, count), "twothree");
  ASSERT_OK_AND_ASSIGN(const size_t past, file->ReadAt(99, absl::MakeSpan(bytes)));
  EXPECT_EQ(past, 0);
  EXPECT_THAT(ReadFully(*file, 6, absl::MakeSpan(bytes)), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_P(DiskTest, OpenModesSayWhetherTheFileMustBeThere) {
  EXPECT_THAT(disk().Open(Path("a"), OpenMode::kRead), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk().Open(Path("a"), OpenMode::kReadAppend), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(auto file, disk().Open(Path("a"), OpenMode::kCreate));
  ASSERT_OK(file->Append({"x"}));
  EXPECT_THAT(disk().Open(Path("a"), OpenMode::kCreate),
              StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(auto again, disk().Open(Path("a"), OpenMode::kReadAppend));
  ASSERT_OK(again->Append({"y"}));
  ASSERT_OK_AND_ASSIGN(const std::string both, ReadFile(disk(), Path("a"), 10));
  EXPECT_EQ(both, "xy");
  ASSERT_OK(disk().Open(Path("a"), OpenMode::kCreateEmpty).status());
  ASSERT_OK_AND_ASSIGN(const std::string empty, ReadFile(disk(), Path("a"), 10));
  EXPECT_EQ(empty, "");
  EXPECT_THAT(disk().Open(Path("no/a"), OpenMode::kCreate), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(DiskTest, TruncatesRenamesListsAndRemoves) {
  ASSERT_OK(WriteFileAtomically(disk(), Path("a"), "hello"));
  ASSERT_OK_AND_ASSIGN(auto file, disk().Open(Path("a"), OpenMode::kReadAppend));
  ASSERT_OK(file->Truncate(4));
  ASSERT_OK(disk().MakeFolder(Path("folder")));
  ASSERT_OK(disk().MakeFolder(Path("folder")));
  ASSERT_OK(disk().Rename(Path("a"), Path("folder/b")));
  ASSERT_OK_AND_ASSIGN(const auto names, disk().List(root_));
  EXPECT_EQ(names, std::vector<std::string>{"folder"});
  ASSERT_OK_AND_ASSIGN(const FileFacts facts, disk().Inspect(Path("folder/b")));
  EXPECT_EQ(facts.bytes, 4);
  EXPECT_FALSE(disk().Remove(Path("folder")).ok()) << "it is not empty";
  ASSERT_OK(RemoveTree(disk(), Path("folder")));
  ASSERT_OK(RemoveTree(disk(), Path("folder")));
  EXPECT_THAT(disk().Inspect(Path("folder")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(DiskTest, ALockIsForOne) {
  ASSERT_OK_AND_ASSIGN(auto lock, disk().TakeLock(Path("LOCK")));
  EXPECT_THAT(disk().TakeLock(Path("LOCK")), StatusIs(absl::StatusCode::kFailedPrecondition));
  lock.reset();
  EXPECT_OK(disk().TakeLock(Path("LOCK")));
}

TEST_P(DiskTest, AllocatedRoomIsTaken) {
  ASSERT_OK_AND_ASSIGN(const Space before, disk().FreeSpace(root_));
  ASSERT_OK_AND_ASSIGN(auto file, disk().Open(Path("a"), OpenMode::kCreate));
  ASSERT_OK(file->Allocate(1 << 20));
  ASSERT_OK_AND_ASSIGN(const uint64_t bytes, file->Size());
  EXPECT_EQ(bytes, 1 << 20);
  EXPECT_GT(before.total_bytes, 0);
}

INSTANTIATE_TEST_SUITE_P(Disks, DiskTest, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Real" : "Faulty");
});

// ---- The faults.

TEST(FaultyDiskTest, APowerCutTakesWhatWasNotSynced) {
  FaultyDisk disk;
  ASSERT_OK(disk.MakeFolder("/d"));
  ASSERT_OK(disk.SyncFolder("/"));
  ASSERT_OK_AND_ASSIGN(auto file, disk.Open("/d/kept", OpenMode::kCreate));
  ASSERT_OK(file->Append({"durable"}));
  ASSERT_OK(file->Sync());
  ASSERT_OK_AND_ASSIGN(auto nameless, disk.Open("/d/nameless", OpenMode::kCreate));
  ASSERT_OK(disk.SyncFolder("/d"));
  ASSERT_OK(file->Append({" gone"}));
  ASSERT_OK(disk.Rename("/d/nameless", "/d/renamed"));
  ASSERT_OK_AND_ASSIGN(auto unsynced, disk.Open("/d/unsynced", OpenMode::kCreate));
  ASSERT_OK(unsynced->Append({"x"}));
  ASSERT_OK(unsynced->Sync());  // Its contents, not its name.
  disk.CutPower();
  EXPECT_FALSE(file->Append({"late"}).ok());
  disk.PowerOn(FaultyDisk::Loss::kAll, 0);
  EXPECT_FALSE(file->Append({"from before"}).ok());
  ASSERT_OK_AND_ASSIGN(const std::string kept, ReadFile(disk, "/d/kept", 100));
  EXPECT_EQ(kept, "durable");
  ASSERT_OK_AND_ASSIGN(const auto names, disk.List("/d"));
  EXPECT_EQ(names, (std::vector<std::string>{"kept", "nameless"}));
}

TEST(FaultyDiskTest, CutsAtTheSyncThatWasChosen) {
  FaultyDisk disk;
  ASSERT_OK_AND_ASSIGN(auto file, disk.Open("/a", OpenMode::kCreate));
  ASSERT_OK(disk.SyncFolder("/"));
  disk.CutPowerAtSync(2);
  ASSERT_OK(file->Append({"1"}));
  ASSERT_OK(file->Sync());
  ASSERT_OK(file->Append({"2"}));
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(disk.power_is_cut());
  disk.PowerOn(FaultyDisk::Loss::kAll, 0);
  ASSERT_OK_AND_ASSIGN(const std::string left, ReadFile(disk, "/a", 100));
  EXPECT_EQ(left, "1");
}

TEST(FaultyDiskTest, SomeLossKeepsWhatWasSyncedAndTearsTheRest) {
  int torn = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FaultyDisk disk;
    ASSERT_OK_AND_ASSIGN(auto file, disk.Open("/a", OpenMode::kCreate));
    ASSERT_OK(file->Append({"durable"}));
    ASSERT_OK(file->Sync());
    ASSERT_OK(disk.SyncFolder("/"));
    ASSERT_OK(file->Append({std::string(20'000, 'x')}));
    disk.CutPower();
    disk.PowerOn(FaultyDisk::Loss::kSome, seed);
    ASSERT_OK_AND_ASSIGN(const std::string left, ReadFile(disk, "/a", 100'000));
    ASSERT_EQ(left.substr(0, 7), "durable") << "seed " << seed;
    torn += left.size() > 7 && left.size() < 20'007;
  }
  EXPECT_GT(torn, 10);
}

TEST(FaultyDiskTest, AFailedSyncIsNotMadeGoodByTheNext) {
  FaultyDisk disk;
  ASSERT_OK_AND_ASSIGN(auto file, disk.Open("/a", OpenMode::kCreate));
  ASSERT_OK(disk.SyncFolder("/"));
  disk.FailSync(1);
  ASSERT_OK(file->Append({"lost"}));
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(file->Append({"kept"}));
  EXPECT_OK(file->Sync());
  ASSERT_OK_AND_ASSIGN(const std::string seen, ReadFile(disk, "/a", 100));
  EXPECT_EQ(seen, "lostkept") << "the cache still shows it";
  disk.CutPower();
  disk.PowerOn(FaultyDisk::Loss::kAll, 0);
  ASSERT_OK_AND_ASSIGN(const std::string left, ReadFile(disk, "/a", 100));
  EXPECT_EQ(left, std::string("\0\0\0\0kept", 8));
}

TEST(FaultyDiskTest, AFullDiskTakesAPartAndSaysNoSpace) {
  FaultyDisk disk;
  disk.SetCapacity(10);
  ASSERT_OK_AND_ASSIGN(auto file, disk.Open("/a", OpenMode::kCreate));
  ASSERT_OK(file->Append({"12345678"}));
  EXPECT_TRUE(IsNoSpace(file->Append({"9abc"})));
  EXPECT_EQ(disk.used_bytes(), 10);
  ASSERT_OK(file->Truncate(8));
  EXPECT_OK(file->Append({"90"}));
}

}  // namespace
}  // namespace convergia::disk
