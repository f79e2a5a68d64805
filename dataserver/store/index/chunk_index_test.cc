#include "dataserver/store/index/chunk_index.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kPageBytes = 4096;

class ChunkIndexTest : public testing::Test {
 protected:
  ChunkIndexTest() { EXPECT_OK(disk_.MakeFolder("/index")); }

  std::unique_ptr<ChunkIndex> Open() {
    auto index = ChunkIndex::Open({.disk = &disk_, .dir = "/index"});
    EXPECT_OK(index);
    return index.ok() ? *std::move(index) : nullptr;
  }
  // The newest write-ahead log.
  std::string LogPath() {
    std::string path;
    const std::vector<std::string> names = disk_.List("/index").value();
    for (const std::string& name : names) {
      if (absl::EndsWith(name, ".log")) path = absl::StrCat("/index/", name);
    }
    return path;
  }
  // Zeros one page, like a page that was never written before a power cut.
  void Blank(const std::string& path, const std::string& bytes, size_t from) {
    for (size_t at = from; at < from + kPageBytes; ++at) {
      if (bytes[at] != 0) disk_.FlipBits(path, at, static_cast<uint8_t>(bytes[at]));
    }
  }

  disk::FaultyDisk disk_;
};

// If a later row survived without an earlier one, "all before is indexed" would be false.
TEST_F(ChunkIndexTest, WhatACrashLeavesIsAStateItWasIn) {
  constexpr uint64_t kRows = 2'000;
  auto index = Open();
  for (uint64_t i = 1; i <= kRows; ++i) {
    ChunkIndex::Batch batch;
    batch.PutChunk({1, i}, {.segment = 1, .offset = i});
    ASSERT_OK(index->Write(std::move(batch)));
  }
  const std::string path = LogPath();
  const std::string bytes = disk::ReadFile(disk_, path, 1 << 24).value();
  ASSERT_GT(bytes.size(), 96 * 1024) << "a gap is seen only between blocks of 32 KiB";
  disk_.CutPower();
  index.reset();
  disk_.PowerOn(disk::FaultyDisk::Loss::kAll, 1);
  // Try offsets inside a page too, so that a blank range begins at a record.
  for (size_t from = kPageBytes; from < kPageBytes + 100; ++from) {
    SCOPED_TRACE(absl::StrCat("blank from ", from));
    ASSERT_OK(disk::RemoveTree(disk_, "/index"));
    ASSERT_OK(disk_.MakeFolder("/index"));
    Open().reset();
    {
      ASSERT_OK_AND_ASSIGN(auto log, disk_.Open(LogPath(), disk::OpenMode::kCreateEmpty));
      ASSERT_OK(log->Append({bytes}));
    }
    Blank(LogPath(), bytes, from);
    index = Open();
    ASSERT_OK_AND_ASSIGN(const auto rows, index->List({1, 0}, kRows + 1));
    index.reset();
    EXPECT_GT(rows.size(), 0);
    EXPECT_LT(rows.size(), kRows);
    EXPECT_EQ(rows.back().first.chunk, rows.size()) << "rows are missing before the last";
  }
}

}  // namespace
}  // namespace convergia::dataserver
