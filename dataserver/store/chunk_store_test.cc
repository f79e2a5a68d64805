#include "dataserver/store/chunk_store.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

class ChunkStoreTest : public testing::Test {
 protected:
  void SetUp() override { Start(); }

  void Start() {
    auto store = ChunkStore::Open(options_);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  void Restart() {
    store_.reset();
    Start();
  }

  std::vector<std::string> SegmentPaths() {
    std::vector<std::string> paths;
    const auto names = disk_.List("/store/segments");
    for (const std::string& name : *names) {
      paths.push_back("/store/segments/" + name);
    }
    return paths;
  }

  disk::FaultyDisk disk_;
  ChunkStore::Options options_ = SmallStore(disk_, "/store");
  std::unique_ptr<ChunkStore> store_;
};

TEST_F(ChunkStoreTest, WhatWasPutIsReadWholeAndInPieces) {
  constexpr uint32_t kBlock = limits::kChunkBlockBytes;
  for (const uint32_t length : {1u, 7u, 8u, kBlock - 1, kBlock, kBlock + 1, 3 * kBlock + 5,
                                uint32_t{limits::kChunkBytesMax}}) {
    const ChunkKey key{1, length};
    const std::string bytes = BytesOf(length, length);
    ASSERT_OK(PutNow(*store_, key, bytes));
    for (const uint32_t offset : {0u, 1u, kBlock - 1, kBlock, kBlock + 1, length / 2, length}) {
      for (const uint32_t count : {0u, 1u, kBlock, kBlock + 2, length, ~0u}) {
        if (offset > length) continue;
        SCOPED_TRACE(absl::StrCat(length, " bytes, ", count, " from ", offset));
        ASSERT_OK_AND_ASSIGN(const ChunkBytes read, store_->Read(key, offset, count));
        EXPECT_TRUE(read.bytes == bytes.substr(offset, count));
        EXPECT_EQ(read.checksum, Checksum(read.bytes));
        EXPECT_EQ(read.chunk_length, length);
      }
    }
    EXPECT_THAT(store_->Read(key, length + 1, 1), StatusIs(absl::StatusCode::kOutOfRange));
  }
}

TEST_F(ChunkStoreTest, RefusesWhatIsNoChunk) {
  EXPECT_THAT(PutNow(*store_, {1, 1}, ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(PutNow(*store_, {1, 1}, std::string(limits::kChunkBytesMax + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Answer answer;
  store_->Put({1, 1}, "hello", Checksum("hellO"), answer.callback());
  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadNow(*store_, {1, 1}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ChunkStoreTest, AChunkNeverChangesButMayBePutAgain) {
  ASSERT_OK(PutNow(*store_, {1, 1}, "hello"));
  EXPECT_OK(PutNow(*store_, {1, 1}, "hello"));
  const absl::Status other = PutNow(*store_, {1, 1}, "world");
  EXPECT_EQ(FailCodeOf(other), FailCode::kExists);
  EXPECT_TRUE(Holds(*store_, {1, 1}, "hello"));
  EXPECT_EQ(store_->Facts()->chunks, 1);
}

TEST_F(ChunkStoreTest, DeletedChunksStayDeletedAndMayComeBack) {
  ASSERT_OK(PutNow(*store_, {1, 1}, "hello"));
  ASSERT_OK(DeleteNow(*store_, {1, 1}));
  ASSERT_OK(DeleteNow(*store_, {1, 1}));
  ASSERT_OK(DeleteNow(*store_, {9, 9}));
  EXPECT_EQ(FailCodeOf(ReadNow(*store_, {1, 1}).status()), FailCode::kNotFound);
  Restart();
  EXPECT_THAT(ReadNow(*store_, {1, 1}), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(PutNow(*store_, {1, 1}, "again"));
  EXPECT_TRUE(Holds(*store_, {1, 1}, "again"));
}

TEST_F(ChunkStoreTest, ListsAVolumeInPages) {
  for (uint64_t chunk = 1; chunk <= 20; ++chunk) {
    ASSERT_OK(PutNow(*store_, {5, chunk}, BytesOf(chunk, chunk)));
  }
  ASSERT_OK(PutNow(*store_, {4, 1}, "before"));
  ASSERT_OK(PutNow(*store_, {6, 1}, "behind"));
  ASSERT_OK(DeleteNow(*store_, {5, 3}));
  ASSERT_OK_AND_ASSIGN(const auto page, store_->List(5, 2, 3));
  ASSERT_EQ(page.size(), 3);
  EXPECT_EQ(page[0].chunk, 2);
  EXPECT_EQ(page[1].chunk, 4);
  EXPECT_EQ(page[1].length, 4);
  EXPECT_EQ(page[1].checksum, Checksum(BytesOf(4, 4)));
  ASSERT_OK_AND_ASSIGN(const auto rest, store_->List(5, 19, 1000));
  EXPECT_EQ(rest.size(), 2);
  const auto volumes = store_->Volumes(4, 10);
  ASSERT_EQ(volumes.size(), 2);
  EXPECT_EQ(volumes[0].volume, 5);
  EXPECT_EQ(volumes[0].chunks, 19);
}

TEST_F(ChunkStoreTest, DroppingAVolumeTakesItsFilesAndNothingElse) {
  for (uint64_t chunk = 1; chunk <= 20; ++chunk) {
    ASSERT_OK(PutNow(*store_, {5, chunk}, BytesOf(chunk, 10'000)));
  }
  ASSERT_OK(PutNow(*store_, {6, 1}, "stays"));
  ASSERT_OK(DropNow(*store_, 5));
  ASSERT_OK(DropNow(*store_, 5));
  EXPECT_EQ(SegmentPaths().size(), 1);
  EXPECT_THAT(ReadNow(*store_, {5, 7}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(Holds(*store_, {6, 1}, "stays"));
  ASSERT_OK(PutNow(*store_, {5, 1}, "a new life"));
  Restart();
  EXPECT_TRUE(Holds(*store_, {5, 1}, "a new life"));
  EXPECT_EQ(store_->Facts()->chunks, 2);
}

TEST_F(ChunkStoreTest, ManyPutsShareASync) {
  std::vector<Answer> answers(200);
  const int before = disk_.syncs();
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::string bytes = BytesOf(i, 50);
    store_->Put({1, i}, bytes, Checksum(bytes), answers[i].callback());
  }
  for (const Answer& answer : answers) ASSERT_OK(answer.Wait());
  EXPECT_LT(disk_.syncs() - before, 150);
}

TEST_F(ChunkStoreTest, TheIndexCanBeDeleted) {
  for (uint64_t chunk = 1; chunk <= 30; ++chunk) {
    ASSERT_OK(PutNow(*store_, {chunk % 3, chunk}, BytesOf(chunk, 5'000)));
  }
  for (uint64_t chunk = 1; chunk <= 30; chunk += 4) {
    ASSERT_OK(DeleteNow(*store_, {chunk % 3, chunk}));
  }
  while (*store_->CompactOnce()) {
  }
  const uint64_t live_bytes = store_->Facts()->live_bytes;
  store_.reset();
  ASSERT_OK(disk::RemoveTree(disk_, "/store/index"));
  Start();
  EXPECT_GT(store_->recovery().records_scanned, 20);
  for (uint64_t chunk = 1; chunk <= 30; ++chunk) {
    const auto read = ReadNow(*store_, {chunk % 3, chunk});
    if (chunk % 4 == 1) {
      EXPECT_THAT(read, StatusIs(absl::StatusCode::kNotFound)) << chunk;
    } else {
      ASSERT_OK(read);
      EXPECT_TRUE(*read == BytesOf(chunk, 5'000));
    }
  }
  EXPECT_EQ(store_->Facts()->live_bytes, live_bytes);
}

TEST_F(ChunkStoreTest, ADamagedIndexIsMadeAgain) {
  for (uint64_t chunk = 1; chunk <= 30; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 5'000)));
  }
  store_.reset();
  ASSERT_OK_AND_ASSIGN(const auto names, disk_.List("/store/index"));
  for (const std::string& name : names) {
    const std::string path = "/store/index/" + name;
    const uint64_t bytes = disk_.Inspect(path)->bytes;
    for (uint64_t at = 0; at < bytes; at += 50) disk_.FlipBits(path, at, 0x55);
  }
  Start();
  for (uint64_t chunk = 1; chunk <= 30; ++chunk) {
    ASSERT_TRUE(Holds(*store_, {1, chunk}, BytesOf(chunk, 5'000)));
  }
}

TEST_F(ChunkStoreTest, CompactionGivesRoomBackAndKeepsWhatLives) {
  for (uint64_t chunk = 1; chunk <= 60; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 5'000)));
  }
  for (uint64_t chunk = 1; chunk <= 60; ++chunk) {
    if (chunk % 5 == 0) continue;
    ASSERT_OK(DeleteNow(*store_, {1, chunk}));
  }
  const uint64_t before = store_->Facts()->used_bytes;
  while (*store_->CompactOnce()) {
  }
  EXPECT_LT(store_->Facts()->used_bytes, before / 2);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    for (uint64_t chunk = 1; chunk <= 60; ++chunk) {
      const auto read = ReadNow(*store_, {1, chunk});
      EXPECT_EQ(read.ok(), chunk % 5 == 0) << chunk;
      if (read.ok()) {
        EXPECT_TRUE(*read == BytesOf(chunk, 5'000));
      }
    }
  }
}

TEST_F(ChunkStoreTest, TombstonesGoWhenNothingIsLeftToHide) {
  for (uint64_t chunk = 1; chunk <= 50; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 3'000)));
  }
  for (uint64_t chunk = 1; chunk <= 50; ++chunk) ASSERT_OK(DeleteNow(*store_, {1, chunk}));
  ASSERT_OK(PutNow(*store_, {1, 100}, BytesOf(100, 3'000)));
  store_->SetCapacity(1);  // With little space, it is worth compacting.
  while (*store_->CompactOnce()) {
  }
  const StoreFacts facts = *store_->Facts();
  EXPECT_EQ(facts.chunks, 1);
  EXPECT_EQ(facts.live_bytes, RecordBytes(3'000));
  EXPECT_EQ(facts.used_bytes, kSegmentHeaderBytes + RecordBytes(3'000));
}

// ---- The owner of the folder.

TEST_F(ChunkStoreTest, OneProcessAtATime) {
  EXPECT_THAT(ChunkStore::Open(options_), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ChunkStoreTest, RefusesAnothersFolder) {
  store_.reset();
  for (const StoreOwner& owner : {StoreOwner{"cluster1", "node2"}, StoreOwner{"other", "node1"}}) {
    ChunkStore::Options options = options_;
    options.owner = owner;
    EXPECT_THAT(ChunkStore::Open(options), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  disk_.FlipBits("/store/IDENTITY", 40, 1);
  EXPECT_THAT(ChunkStore::Open(options_), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(disk_.Remove("/store/IDENTITY"));
  EXPECT_THAT(ChunkStore::Open(options_), StatusIs(absl::StatusCode::kFailedPrecondition))
      << "it holds something";
}

TEST_F(ChunkStoreTest, AWipedFolderIsAnotherStore) {
  const std::string id = store_->store_id();
  Restart();
  EXPECT_EQ(store_->store_id(), id);
  store_.reset();
  ASSERT_OK(disk::RemoveTree(disk_, "/store"));
  Start();
  EXPECT_NE(store_->store_id(), id);
}

// ---- A full disk.

TEST_F(ChunkStoreTest, CapacityIsAPromise) {
  store_->SetCapacity(4'000'000);
  uint64_t chunk = 0;
  absl::Status put;
  while (put.ok()) {
    ++chunk;
    put = PutNow(*store_, {1, chunk}, BytesOf(chunk, 10'000));
  }
  EXPECT_EQ(FailCodeOf(put), FailCode::kNoSpace);
  EXPECT_LT(disk_.used_bytes(), 4'000'000);
  EXPECT_GT(chunk, 200);
  // With more capacity, puts continue at once.
  store_->SetCapacity(5'000'000);
  EXPECT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 10'000)));
}

TEST_F(ChunkStoreTest, AFullDiskTakesDeletesAndThenWritesAgain) {
  disk_.SetCapacity(2'000'000);
  uint64_t chunks = 0;
  absl::Status put;
  while (put.ok()) {
    ++chunks;
    put = PutNow(*store_, {1, chunks}, BytesOf(chunks, 10'000));
  }
  ASSERT_EQ(FailCodeOf(put), FailCode::kNoSpace);
  // Another program takes the rest, to the last byte.
  ASSERT_OK_AND_ASSIGN(const auto other, disk_.Open("/other", disk::OpenMode::kCreate));
  ASSERT_OK(other->Allocate(2'000'000 - disk_.used_bytes()));
  for (uint64_t chunk = 1; chunk < chunks; chunk += 2) ASSERT_OK(DeleteNow(*store_, {1, chunk}));
  EXPECT_EQ(FailCodeOf(PutNow(*store_, {1, chunks}, BytesOf(chunks, 10'000))), FailCode::kNoSpace);
  while (*store_->CompactOnce()) {
  }
  for (uint64_t chunk = 2; chunk < chunks; chunk += 2) {
    ASSERT_TRUE(Holds(*store_, {1, chunk}, BytesOf(chunk, 10'000)));
  }
  EXPECT_OK(PutNow(*store_, {1, chunks}, BytesOf(chunks, 10'000)));
  EXPECT_EQ(store_->Facts()->read_only, std::nullopt);
  Restart();
  EXPECT_TRUE(Holds(*store_, {1, chunks}, BytesOf(chunks, 10'000)));
}

// ---- A disk that fails.

TEST_F(ChunkStoreTest, AFailedSyncMakesItReadOnlyUntilItIsStartedAnew) {
  ASSERT_OK(PutNow(*store_, {1, 1}, "durable"));
  disk_.FailSync(1);
  EXPECT_EQ(FailCodeOf(PutNow(*store_, {1, 2}, "lost")), FailCode::kUnavailable);
  EXPECT_EQ(FailCodeOf(PutNow(*store_, {1, 2}, "lost")), FailCode::kUnavailable);
  EXPECT_EQ(FailCodeOf(DeleteNow(*store_, {1, 1})), FailCode::kUnavailable);
  EXPECT_TRUE(store_->Facts()->read_only.has_value());
  EXPECT_EQ(store_->Facts()->free_bytes, 0);
  EXPECT_TRUE(Holds(*store_, {1, 1}, "durable"));
  Restart();
  // The page cache had it; the medium did not.
  EXPECT_THAT(ReadNow(*store_, {1, 2}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(Holds(*store_, {1, 1}, "durable"));
  ASSERT_OK(PutNow(*store_, {1, 2}, "kept"));
  store_.reset();
  disk_.CutPower();
  disk_.PowerOn(disk::FaultyDisk::Loss::kAll, 1);
  Start();
  EXPECT_TRUE(Holds(*store_, {1, 2}, "kept"));
}

TEST_F(ChunkStoreTest, AnyFlippedBitIsNoticedAndNeverServed) {
  const std::string bytes = BytesOf(7, 1'000);
  ASSERT_OK(PutNow(*store_, {1, 1}, bytes));
  ASSERT_OK(PutNow(*store_, {1, 2}, "neighbour"));
  const std::string path = SegmentPaths()[0];
  const uint64_t end = kSegmentHeaderBytes + RecordBytes(1'000);
  for (uint64_t at = kSegmentHeaderBytes; at < end; at += 7) {
    disk_.FlipBits(path, at, 1 << (at % 8));
    const auto read = ReadNow(*store_, {1, 1});
    if (read.ok()) {
      EXPECT_TRUE(*read == bytes);
      EXPECT_GE(at, end - RecordPaddingBytes(1'000)) << "only the padding may change";
    } else {
      EXPECT_THAT(read, StatusIs(absl::StatusCode::kDataLoss));
    }
    EXPECT_TRUE(Holds(*store_, {1, 2}, "neighbour"));
    disk_.FlipBits(path, at, 1 << (at % 8));
  }
}

TEST_F(ChunkStoreTest, ScrubFindsDamageAndAPutHealsIt) {
  for (uint64_t chunk = 1; chunk <= 20; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 5'000)));
  }
  const std::string path = SegmentPaths()[1];
  disk_.FlipBits(path, kSegmentHeaderBytes + 3'000, 4);
  uint64_t verified = 0;
  while (store_->scrub().rounds == 0) verified += *store_->ScrubOnce(20'000);
  EXPECT_EQ(verified, 20 * RecordBytes(5'000) + SegmentPaths().size() * kSegmentHeaderBytes);
  EXPECT_EQ(store_->scrub().damaged_found, 1);
  ASSERT_OK(PutNow(*store_, {2, 1}, "a put waits for the mark"));
  auto bad = store_->BadChunks({}, 10);
  ASSERT_EQ(bad.size(), 1);
  const ChunkKey key = bad[0].first;
  Restart();
  ASSERT_EQ(store_->BadChunks({}, 10).size(), 1) << "it is remembered";
  EXPECT_TRUE((*store_->List(1, key.chunk, 1))[0].is_bad);
  ASSERT_OK(PutNow(*store_, key, BytesOf(key.chunk, 5'000)));
  EXPECT_TRUE(Holds(*store_, key, BytesOf(key.chunk, 5'000)));
  EXPECT_TRUE(store_->BadChunks({}, 10).empty());
  EXPECT_EQ(store_->Facts()->chunks, 21);
}

// Uses one store for each byte of a chunk, a dead chunk and its tombstone.
TEST_F(ChunkStoreTest, ScrubFindsEveryFlippedByteThatCounts) {
  const std::string kept(21, 'k');
  const uint64_t end_of_kept = kSegmentHeaderBytes + RecordBytes(21);
  const uint64_t tombstone = end_of_kept + RecordBytes(500);
  for (uint64_t at = 0; at < tombstone + RecordBytes(0);
       at += at % 4096 < 40 || at > kSegmentHeaderBytes ? 1 : 97) {
    if (at >= end_of_kept && at < tombstone) continue;  // A dead record.
    SCOPED_TRACE(absl::StrCat("byte ", at));
    store_.reset();
    ASSERT_OK(disk::RemoveTree(disk_, "/store"));
    Start();
    ASSERT_OK(PutNow(*store_, {1, 1}, kept));
    ASSERT_OK(PutNow(*store_, {1, 2}, std::string(500, 'd')));
    ASSERT_OK(DeleteNow(*store_, {1, 2}));
    disk_.FlipBits(SegmentPaths()[0], at, 1 << at % 8);
    while (store_->scrub().rounds == 0) ASSERT_OK(store_->ScrubOnce(100));
    EXPECT_EQ(store_->scrub().damaged_found, 1);
    // Damage is repaired: a chunk by a put, a tombstone at once, a header by compaction.
    ASSERT_OK(PutNow(*store_, {1, 1}, kept));
    EXPECT_EQ(*store_->CompactOnce(), at < kSegmentHeaderBytes);
    Restart();
    store_.reset();
    ASSERT_OK(disk::RemoveTree(disk_, "/store/index"));
    Start();
    EXPECT_TRUE(Holds(*store_, {1, 1}, kept));
    EXPECT_THAT(ReadNow(*store_, {1, 2}), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(store_->recovery().segments_unreadable, 0);
  }
}

TEST_F(ChunkStoreTest, DamageInTheMiddleIsNotCutOff) {
  for (uint64_t chunk = 1; chunk <= 5; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 2'000)));
  }
  const std::string path = SegmentPaths()[0];
  store_.reset();
  // Damages the head of the second record, and removes the index.
  disk_.FlipBits(path, kSegmentHeaderBytes + RecordBytes(2'000) + 10, 1);
  ASSERT_OK(disk::RemoveTree(disk_, "/store/index"));
  Start();
  EXPECT_EQ(store_->recovery().damaged_bytes, RecordBytes(2'000));
  for (uint64_t chunk = 1; chunk <= 5; ++chunk) {
    const auto read = ReadNow(*store_, {1, chunk});
    if (chunk == 2) {
      EXPECT_THAT(read, StatusIs(absl::StatusCode::kNotFound));
    } else {
      EXPECT_TRUE(*read == BytesOf(chunk, 2'000)) << chunk;
    }
  }
}

TEST_F(ChunkStoreTest, ALostSegmentIsReportedChunkByChunk) {
  for (uint64_t chunk = 1; chunk <= 20; ++chunk) {
    ASSERT_OK(PutNow(*store_, {1, chunk}, BytesOf(chunk, 5'000)));
  }
  store_.reset();
  ASSERT_OK(disk_.Remove(SegmentPaths()[1]));
  Start();
  EXPECT_GT(store_->recovery().chunks_lost, 3);
  const auto bad = store_->BadChunks({}, 100);
  EXPECT_EQ(bad.size(), store_->recovery().chunks_lost);
  for (const auto& [key, reason] : bad) {
    EXPECT_THAT(ReadNow(*store_, key), StatusIs(absl::StatusCode::kDataLoss));
    ASSERT_OK(PutNow(*store_, key, BytesOf(key.chunk, 5'000)));
    EXPECT_TRUE(Holds(*store_, key, BytesOf(key.chunk, 5'000)));
  }
}

// A killed process leaves a new file whose name was not synced.
TEST_F(ChunkStoreTest, AFileWhoseNameIsNotDurableYetIsMadeSoBeforeMoreIsAppended) {
  ASSERT_OK(PutNow(*store_, {1, 1}, "first"));
  store_.reset();
  const std::string path = SegmentPaths()[0];
  ASSERT_OK_AND_ASSIGN(const std::string bytes, disk::ReadFile(disk_, path, 1 << 20));
  ASSERT_OK(disk_.Remove(path));
  ASSERT_OK(disk_.SyncFolder("/store/segments"));
  ASSERT_OK(disk::RemoveTree(disk_, "/store/index"));
  ASSERT_OK_AND_ASSIGN(auto file, disk_.Open(path, disk::OpenMode::kCreate));
  ASSERT_OK(file->Append({bytes}));
  Start();
  EXPECT_TRUE(Holds(*store_, {1, 1}, "first"));
  ASSERT_OK(PutNow(*store_, {1, 2}, "second"));
  EXPECT_EQ(SegmentPaths(), std::vector<std::string>{path});
  disk_.CutPower();
  store_.reset();
  disk_.PowerOn(disk::FaultyDisk::Loss::kAll, 1);
  Start();
  EXPECT_TRUE(Holds(*store_, {1, 1}, "first"));
  EXPECT_TRUE(Holds(*store_, {1, 2}, "second"));
}

TEST_F(ChunkStoreTest, ATornTailIsCutOffAndWritingGoesOn) {
  ASSERT_OK(PutNow(*store_, {1, 1}, "first"));
  store_.reset();
  {
    ASSERT_OK_AND_ASSIGN(auto file, disk_.Open(SegmentPaths()[0], disk::OpenMode::kReadAppend));
    ASSERT_OK(file->Append({"CVGR, but the power went"}));
  }
  Start();
  EXPECT_EQ(store_->recovery().torn_bytes_cut, 24);
  EXPECT_EQ(store_->recovery().damaged_bytes, 0);
  ASSERT_OK(PutNow(*store_, {1, 2}, "second"));
  EXPECT_EQ(SegmentPaths().size(), 1);
  EXPECT_TRUE(Holds(*store_, {1, 1}, "first"));
  EXPECT_TRUE(Holds(*store_, {1, 2}, "second"));
}

}  // namespace
}  // namespace convergia::dataserver
