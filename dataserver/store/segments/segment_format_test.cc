#include "dataserver/store/segments/segment_format.h"

#include <gtest/gtest.h>

#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "dataserver/store/segments/segment_scan.h"
#include "dataserver/store/segments/store_rules.h"

namespace convergia::dataserver {
namespace {

constexpr uint64_t kSalt = 0x1234;

RecordHead HeadOf(absl::string_view payload, uint64_t sequence, uint64_t synced_below) {
  RecordHead head;
  head.header.key = {3, sequence};
  head.header.sequence = sequence;
  head.header.synced_below = synced_below;
  head.header.length = static_cast<uint32_t>(payload.size());
  head.header.checksum = Checksum(payload);
  head.block_checksums = BlockChecksums(payload);
  return head;
}

TEST(SegmentFormatTest, HeadersComeBackAndEitherCopyIsEnough) {
  std::string bytes = EncodeSegmentHeader({7, 9, kSalt});
  ASSERT_EQ(bytes.size(), kSegmentHeaderBytes);
  for (const size_t damaged : {size_t{0}, size_t{20}, size_t{4096}, size_t{4130}}) {
    std::string copy = bytes;
    copy[damaged] ^= 1;
    const auto header = DecodeSegmentHeader(copy);
    ASSERT_TRUE(header.has_value()) << damaged;
    EXPECT_EQ(header->volume, 7);
    EXPECT_EQ(header->segment, 9);
    EXPECT_EQ(header->salt, kSalt);
  }
  bytes[5] ^= 1;
  bytes[4096 + 5] ^= 1;
  EXPECT_FALSE(DecodeSegmentHeader(bytes).has_value());
  EXPECT_FALSE(DecodeSegmentHeader("short").has_value());
}

TEST(SegmentFormatTest, FileNamesComeBackAndOthersAreNone) {
  const auto ids = ParseSegmentFileName(SegmentFileName(0xa1, 7));
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->first, 0xa1);
  EXPECT_EQ(ids->second, 7);
  for (const char* name :
       {"", "LOCK", "00000000000000a1-0000000000000007.seg.damaged",
        "00000000000000a1-0000000000000007.sex", "00000000000000g1-0000000000000007.seg"}) {
    EXPECT_FALSE(ParseSegmentFileName(name).has_value()) << name;
  }
}

TEST(SegmentFormatTest, ARecordHeadIsValidOnlyWholeAndInItsPlace) {
  const std::string payload(100'000, 'x');
  const std::string encoded = EncodeRecordHead(HeadOf(payload, 5, 8192), kSalt, 16'000);
  ASSERT_EQ(encoded.size(), RecordHeadBytes(100'000));
  const auto head = DecodeRecordHead(encoded, kSalt, 16'000);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->header.sequence, 5);
  EXPECT_EQ(head->header.synced_below, 8192);
  EXPECT_EQ(head->header.length, 100'000);
  EXPECT_EQ(head->block_checksums, BlockChecksums(payload));
  EXPECT_FALSE(DecodeRecordHead(encoded, kSalt + 1, 16'000).has_value());
  EXPECT_FALSE(DecodeRecordHead(encoded, kSalt, 16'008).has_value());
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_FALSE(DecodeRecordHead(encoded.substr(0, size), kSalt, 16'000).has_value());
  }
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    std::string flipped = encoded;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_FALSE(DecodeRecordHead(flipped, kSalt, 16'000).has_value()) << "bit " << bit;
  }
}

// ---- Scanning.

class SegmentScanTest : public testing::Test {
 protected:
  SegmentScanTest() : file_(*disk_.Open("/s", disk::OpenMode::kCreate)) {
    EXPECT_OK(file_->Append({EncodeSegmentHeader({3, 1, kSalt})}));
  }

  // Appends a record written when everything before `synced_below` was durable.
  uint64_t Add(uint64_t sequence, absl::string_view payload, uint64_t synced_below) {
    const uint64_t offset = *file_->Size();
    EXPECT_OK(file_->Append(
        {EncodeRecordHead(HeadOf(payload, sequence, synced_below), kSalt, offset), payload,
         std::string(RecordPaddingBytes(static_cast<uint32_t>(payload.size())), '\0')}));
    return offset;
  }
  SegmentScan Scan(uint64_t mark) {
    auto scan = ScanSegment(*file_, kSalt, kSegmentHeaderBytes, mark);
    EXPECT_OK(scan);
    return *scan;
  }

  disk::FaultyDisk disk_;
  std::unique_ptr<disk::File> file_;
};

TEST_F(SegmentScanTest, FindsAllRecords) {
  Add(1, "one", 0);
  const uint64_t second = Add(2, std::string(70'000, 'y'), 0);
  const SegmentScan scan = Scan(0);
  ASSERT_EQ(scan.records.size(), 2);
  EXPECT_EQ(scan.records[1].offset, second);
  EXPECT_EQ(scan.records[1].header.sequence, 2);
  EXPECT_EQ(scan.end, *file_->Size());
  EXPECT_TRUE(scan.is_gapless);
  EXPECT_EQ(scan.damaged_bytes, 0);
}

TEST_F(SegmentScanTest, WhatWasNeverSyncedMustBeWhole) {
  Add(1, "one", 0);
  const uint64_t torn = Add(2, std::string(200, 'y'), 0);
  disk_.FlipBits("/s", torn + RecordHeadBytes(200) + 100, 1);
  const SegmentScan scan = Scan(0);
  EXPECT_EQ(scan.records.size(), 1);
  EXPECT_EQ(scan.end, torn);
  EXPECT_EQ(scan.damaged_bytes, 0);
}

TEST_F(SegmentScanTest, ATailIsWholeOrCutOffWhereverItIsTorn) {
  Add(1, "one", 0);
  const uint64_t last = Add(2, std::string(21, 'y'), 0);  // With three bytes of padding.
  ASSERT_EQ(RecordPaddingBytes(21), 3);
  EXPECT_EQ(Scan(0).end, *file_->Size());
  while (*file_->Size() > last) {
    ASSERT_OK(file_->Truncate(*file_->Size() - 1));
    SCOPED_TRACE(*file_->Size() - last);
    const SegmentScan scan = Scan(0);
    EXPECT_EQ(scan.records.size(), 1);
    EXPECT_EQ(scan.end, last);
    EXPECT_TRUE(scan.is_gapless);
  }
}

TEST_F(SegmentScanTest, ALaterRecordProvesThatAnEarlierOneWasSynced) {
  const uint64_t damaged = Add(1, std::string(200, 'x'), 0);
  const uint64_t second = Add(2, "two", *file_->Size());
  disk_.FlipBits("/s", damaged + 20, 1);
  const SegmentScan scan = Scan(0);
  ASSERT_EQ(scan.records.size(), 1);
  EXPECT_EQ(scan.records[0].offset, second);
  EXPECT_EQ(scan.damaged_bytes, RecordBytes(200));
  EXPECT_FALSE(scan.is_gapless);
}

TEST_F(SegmentScanTest, AMarkProvesItToo) {
  const uint64_t damaged = Add(1, std::string(200, 'x'), 0);
  disk_.FlipBits("/s", damaged + 20, 1);
  const uint64_t end = *file_->Size();
  const SegmentScan scan = Scan(end);
  EXPECT_TRUE(scan.records.empty());
  EXPECT_EQ(scan.damaged_bytes, RecordBytes(200));
  EXPECT_EQ(scan.end, end) << "nothing that was durable is cut off";
}

TEST_F(SegmentScanTest, AChunkCannotPassForARecord) {
  // The payload has one whole record with the right salt but for another place, and one for the
  // right place with a guessed salt.
  const uint64_t payload_at = *file_->Size() + RecordHeadBytes(2'000);
  std::string payload = EncodeRecordHead(HeadOf("forged", 9, 0), kSalt, 0) + "forged";
  payload.resize(1'000, '\0');
  payload += EncodeRecordHead(HeadOf("forged", 9, 0), kSalt + 1, payload_at + 1'000) + "forged";
  payload.resize(2'000, '\0');
  const uint64_t offset = Add(1, payload, 0);
  Add(2, "two", *file_->Size());
  disk_.FlipBits("/s", offset + 3, 1);
  const SegmentScan scan = Scan(0);
  ASSERT_EQ(scan.records.size(), 1);
  EXPECT_EQ(scan.records[0].header.sequence, 2);
}

// ---- Rules.

TEST(StoreRulesTest, AdmitsWhatFitsBesideReserveAndIndex) {
  struct Case {
    const char* name;
    SpaceView space;
    uint64_t admissible;
  };
  const SpaceView plenty{.capacity_bytes = 1000,
                         .used_bytes = 300,
                         .disk_free_bytes = 10'000,
                         .reserve_bytes = 100,
                         .reserve_is_held = true,
                         .index_bytes = 50};
  SpaceView no_reserve = plenty;
  no_reserve.reserve_is_held = false;
  SpaceView full = plenty;
  full.used_bytes = 900;
  SpaceView small_capacity = plenty;
  small_capacity.reserve_bytes = 2'000;
  SpaceView small_disk = plenty;
  small_disk.disk_free_bytes = 60;
  SpaceView no_disk = plenty;
  no_disk.disk_free_bytes = 10;
  for (const Case& c :
       {Case{"capacity decides", plenty, 550}, Case{"no reserve", no_reserve, 0},
        Case{"full", full, 0}, Case{"a reserve for a larger one", small_capacity, 450},
        Case{"the disk decides", small_disk, 10}, Case{"the disk is full", no_disk, 0}}) {
    EXPECT_EQ(AdmissibleBytes(c.space), c.admissible) << c.name;
  }
}

SegmentView View(SegmentId segment, uint64_t live, uint64_t dead) {
  return {.segment = segment,
          .volume = 1,
          .bytes = kSegmentHeaderBytes + live + dead,
          .live_bytes = live};
}

TEST(StoreRulesTest, CompactsWhatGivesMostForTheLeastCopying) {
  constexpr uint64_t kRoom = 1 << 30;
  const std::vector<SegmentView> segments = {View(1, 600, 400), View(2, 300, 700),
                                             View(3, 100, 300), View(4, 500, 0)};
  EXPECT_EQ(ChooseCompaction(segments, false, kRoom)->segment, 3);
  EXPECT_FALSE(ChooseCompaction({View(1, 600, 400)}, false, kRoom).has_value());
  EXPECT_EQ(ChooseCompaction({View(1, 600, 400)}, true, kRoom)->segment, 1);
  EXPECT_FALSE(ChooseCompaction({View(4, 500, 0)}, true, kRoom).has_value());
  EXPECT_FALSE(ChooseCompaction({View(1, 10'000, 10'000)}, true, 10'100).has_value())
      << "no room to copy to";
  EXPECT_EQ(ChooseCompaction({View(1, 0, 10'000)}, true, 0)->segment, 1) << "nothing to copy";
  EXPECT_EQ(ChooseCompaction({View(1, 0, 0)}, false, 0)->segment, 1) << "empty";
}

TEST(StoreRulesTest, LeavesActiveSegmentsUnlessItPaysAndDamagedOnesAlways) {
  constexpr uint64_t kRoom = 1 << 30;
  SegmentView active = View(1, 100, 900);
  active.is_active = true;
  EXPECT_FALSE(ChooseCompaction({active}, false, kRoom).has_value());
  EXPECT_TRUE(ChooseCompaction({active}, true, kRoom).has_value());
  SegmentView big = View(1, 1 << 20, 2 << 20);
  big.is_active = true;
  EXPECT_TRUE(ChooseCompaction({big}, false, kRoom).has_value());
  SegmentView damaged = View(1, 100, 900);
  damaged.has_bad_chunks = true;
  EXPECT_FALSE(ChooseCompaction({damaged}, true, kRoom).has_value());
}

}  // namespace
}  // namespace convergia::dataserver
