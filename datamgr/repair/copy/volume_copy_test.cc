#include "datamgr/repair/copy/volume_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"

namespace convergia::datamgr {
namespace {

using Kind = VolumeCopy::Step::Kind;

PieceList Pieces(std::vector<ChunkId> chunks) {
  PieceList list;
  for (const ChunkId chunk : chunks) list[chunk] = {100, chunk * 7, false};
  return list;
}

std::vector<ChunkId> ChunksOf(const std::vector<VolumeFindings::Piece>& pieces, NodeId server) {
  std::vector<ChunkId> chunks;
  for (const auto& piece : pieces) {
    if (piece.server == server) chunks.push_back(piece.chunk);
  }
  return chunks;
}

TEST(FindFaultsTest, TellsOrphansDamageAndLoss) {
  VolumeLists lists;
  lists.live = {{1, 100}, {2, 100}, {3, 100}, {4, 100}};
  lists.young = 50;
  lists.of[1] = Pieces({1, 2, 3, 10, 60});
  lists.of[2] = Pieces({1, 3});
  lists.of[3] = Pieces({1, 2, 11});
  lists.of[1][3].damaged = true;
  const VolumeFindings findings = FindFaults(lists, {1, 2});
  EXPECT_THAT(ChunksOf(findings.orphans, 1), testing::ElementsAre(10)) << "60 is young";
  EXPECT_THAT(ChunksOf(findings.orphans, 3), testing::ElementsAre(11));
  EXPECT_THAT(ChunksOf(findings.to_heal, 1), testing::ElementsAre(3));
  EXPECT_THAT(ChunksOf(findings.to_heal, 2), testing::ElementsAre(2));
  EXPECT_THAT(ChunksOf(findings.to_heal, 3), testing::IsEmpty()) << "not a replica";
  EXPECT_THAT(ChunksOf(findings.lost, 0), testing::ElementsAre(4));
}

TEST(FindFaultsTest, AChunkOfUnknownLengthIsAsLongAsItsCopies) {
  VolumeLists lists;
  lists.live = {{1, 0}, {2, 0}};
  lists.young = 50;
  lists.of[1] = Pieces({1});
  lists.of[2] = Pieces({});
  const VolumeFindings findings = FindFaults(lists, {1, 2});
  EXPECT_THAT(ChunksOf(findings.to_heal, 2), testing::ElementsAre(1));
  EXPECT_THAT(ChunksOf(findings.lost, 0), testing::ElementsAre(2));
  VolumeCopy copy(lists, 3, {1, 2});
  const auto step = copy.Next(1);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->chunk, 1);
  EXPECT_EQ(step->length, 100);
}

TEST(VolumeCopyTest, CopiesWhatIsMissingAndVerifiesWhatIsThere) {
  VolumeLists lists;
  lists.live = {{1, 100}, {2, 100}};
  lists.young = 50;
  lists.of[1] = Pieces({1, 2, 9});
  lists.of[2] = Pieces({1});
  VolumeCopy copy(lists, /*target=*/2, {1});
  const auto verify = copy.Next(4);
  ASSERT_TRUE(verify.has_value());
  EXPECT_EQ(verify->kind, Kind::kVerify);
  EXPECT_EQ(verify->chunk, 1);
  const auto read = copy.Next(4);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->kind, Kind::kRead);
  EXPECT_EQ(read->chunk, 2);
  EXPECT_FALSE(copy.Next(4).has_value()) << "nobody needs 9";
  copy.OnVerified(1, absl::OkStatus());
  ASSERT_TRUE(copy.OnRead(2, absl::OkStatus()).has_value());
  EXPECT_FALSE(copy.IsDone());
  copy.OnPut(2, absl::OkStatus());
  EXPECT_TRUE(copy.IsDone());
  EXPECT_OK(copy.status());
  EXPECT_EQ(copy.bytes_copied(), 100);
  EXPECT_EQ(copy.bytes_done(), 200);
}

TEST(VolumeCopyTest, ReadsElsewhereWhatIsDamagedAndSaysWhatIsLost) {
  VolumeLists lists;
  lists.live = {{1, 100}, {2, 100}};
  lists.young = 50;
  lists.of[1] = Pieces({1, 2});
  lists.of[3] = Pieces({1});
  VolumeCopy copy(lists, /*target=*/2, {1, 3});
  ASSERT_EQ(copy.Next(1)->server, 1);
  EXPECT_FALSE(copy.OnRead(1, absl::DataLossError("bad")).has_value());
  ASSERT_EQ(copy.Next(1)->server, 3);
  ASSERT_TRUE(copy.OnRead(1, absl::OkStatus()).has_value());
  copy.OnPut(1, absl::OkStatus());
  ASSERT_EQ(copy.Next(1)->chunk, 2);
  EXPECT_FALSE(copy.OnRead(2, absl::DataLossError("bad")).has_value());
  EXPECT_TRUE(copy.IsDone());
  EXPECT_OK(copy.status());
  EXPECT_THAT(copy.lost(), testing::ElementsAre(2));
}

TEST(VolumeCopyTest, FailsWhenTheTargetIsFullAndWaitsForWhatIsUnderWay) {
  VolumeLists lists;
  lists.live = {{1, 100}, {2, 100}, {3, 100}};
  lists.young = 50;
  lists.of[1] = Pieces({1, 2, 3});
  VolumeCopy copy(lists, /*target=*/2, {1});
  copy.Next(2);
  copy.Next(2);
  ASSERT_TRUE(copy.OnRead(1, absl::OkStatus()).has_value());
  copy.OnPut(1, absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(copy.IsDone());
  EXPECT_FALSE(copy.Next(2).has_value());
  EXPECT_FALSE(copy.OnRead(2, absl::OkStatus()).has_value()) << "no put after the failure";
  EXPECT_TRUE(copy.IsDone());
  EXPECT_THAT(copy.status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

// Whatever fails on the way, in the end the target has every chunk that some source could give, or
// the copy says that it failed.
TEST(VolumeCopyTest, RandomFaultsNeverLoseWhatASourceHas) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 rng(seed);
    VolumeLists lists;
    lists.young = 1000;
    for (ChunkId chunk = 1; chunk <= 40; ++chunk) {
      lists.live[chunk] = 100;
      for (NodeId server = 1; server <= 3; ++server) {
        if (rng() % 4 != 0) lists.of[server][chunk] = {100, chunk * 7, rng() % 8 == 0};
      }
    }
    VolumeCopy copy(lists, /*target=*/1, {2, 3});
    std::set<ChunkId> there;
    std::vector<VolumeCopy::Step> under_way;
    while (!copy.IsDone()) {
      while (const auto step = copy.Next(4)) under_way.push_back(*step);
      ASSERT_FALSE(under_way.empty());
      const size_t which = rng() % under_way.size();
      const VolumeCopy::Step step = under_way[which];
      under_way.erase(under_way.begin() + static_cast<long>(which));
      const bool bad = rng() % 10 == 0;
      const absl::Status status = bad ? absl::DataLossError("bad") : absl::OkStatus();
      if (step.kind == Kind::kVerify) {
        copy.OnVerified(step.chunk, status);
        if (!bad) there.insert(step.chunk);
      } else if (step.kind == Kind::kRead) {
        if (const auto put = copy.OnRead(step.chunk, status)) under_way.push_back(*put);
      } else {
        const bool gone = rng() % 500 == 0;
        copy.OnPut(step.chunk, gone ? absl::UnavailableError("gone") : absl::OkStatus());
        there.insert(step.chunk);
      }
    }
    if (!copy.status().ok()) continue;
    EXPECT_EQ(there.size() + copy.lost().size(), 40);
    for (const ChunkId chunk : copy.lost()) EXPECT_FALSE(there.contains(chunk));
  }
}

}  // namespace
}  // namespace convergia::datamgr
