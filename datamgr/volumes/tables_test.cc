#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "datamgr/volumes/placement.h"

namespace convergia::datamgr {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr absl::Duration kStart = absl::ZeroDuration();

struct Spec {
  NodeId id = 0;
  uint64_t free_bytes = 0;
  std::vector<std::pair<std::string, std::string>> labels;
  VolumeClass volume_class = VolumeClass::kVolatile;
  bool drain = false;
};

ServerTable TableOf(const std::vector<Spec>& specs) {
  ServerTable table;
  std::vector<ServerConfig> configs;
  for (const Spec& spec : specs) {
    configs.push_back(
        {spec.id, absl::StrCat("d", spec.id), spec.volume_class, 0, spec.labels, spec.drain});
  }
  table.Configure(configs, kStart);
  for (const Spec& spec : specs) {
    table.OnConnected(spec.id, absl::StrCat("d", spec.id), absl::StrCat("store", spec.id),
                      {10 * kGiB, 0, 0, spec.free_bytes, ""}, kStart);
    table.SetHoldings(spec.id, {});
  }
  return table;
}

TEST(PlaceVolumeTest, SpreadsOverFailureDomainsBeforeReusingOne) {
  const ServerTable servers = TableOf({{1, 9 * kGiB, {{"rack", "a"}}},
                                       {2, 8 * kGiB, {{"rack", "a"}}},
                                       {3, 1 * kGiB, {{"rack", "b"}}},
                                       {4, 1 * kGiB, {{"rack", "c"}}}});
  ASSERT_OK_AND_ASSIGN(const auto ids, PlaceVolume(servers, {}, {}, VolumeClass::kVolatile));
  EXPECT_THAT(ids, UnorderedElementsAre(1, 3, 4));
}

TEST(PlaceVolumeTest, UsesOneDomainTwiceWhereThereAreOnlyTwo) {
  const ServerTable servers = TableOf({{1, 9 * kGiB, {{"rack", "a"}}},
                                       {2, 8 * kGiB, {{"rack", "a"}}},
                                       {3, 1 * kGiB, {{"rack", "b"}}}});
  ASSERT_OK_AND_ASSIGN(const auto ids, PlaceVolume(servers, {}, {}, VolumeClass::kVolatile));
  EXPECT_THAT(ids, UnorderedElementsAre(1, 2, 3));
}

TEST(PlaceVolumeTest, ThreeDomainsAreFoundWhateverElseThereIs) {
  std::mt19937_64 rng(20260101);
  for (int round = 0; round < 200; ++round) {
    std::vector<Spec> specs;
    std::set<int> racks;
    for (NodeId id = 1; id <= 3 + rng() % 8; ++id) {
      const int rack = static_cast<int>(rng() % 4);
      racks.insert(rack);
      specs.push_back({id, (1 + rng() % 9) * kGiB, {{"rack", absl::StrCat(rack)}}});
    }
    const ServerTable servers = TableOf(specs);
    ASSERT_OK_AND_ASSIGN(const auto ids, PlaceVolume(servers, {}, {}, VolumeClass::kVolatile));
    std::set<std::string> chosen;
    for (const NodeId id : ids) chosen.insert(servers.Find(id)->config.labels[0].second);
    EXPECT_EQ(chosen.size(), std::min<size_t>(3, racks.size())) << "round " << round;
  }
}

TEST(PlaceVolumeTest, PrefersRoomAndSpreadsOpenVolumes) {
  const ServerTable servers = TableOf(
      {{1, 9 * kGiB, {}, VolumeClass::kNonVolatile}, {2, 6 * kGiB, {}, VolumeClass::kNonVolatile}});
  VolumeTable volumes;
  ASSERT_OK_AND_ASSIGN(auto ids, PlaceVolume(servers, volumes, {}, VolumeClass::kNonVolatile));
  EXPECT_THAT(ids, ElementsAre(1));
  volumes.Apply({7, VolumeClass::kNonVolatile, 1, false, {{1, "store1"}}}, 1);
  ASSERT_OK_AND_ASSIGN(ids, PlaceVolume(servers, volumes, {}, VolumeClass::kNonVolatile));
  EXPECT_THAT(ids, ElementsAre(2));
}

TEST(PlaceVolumeTest, NeverTakesThoseThatDrainAreSlowReadOnlyOrFull) {
  ServerTable servers = TableOf({{1, 9 * kGiB, {}, VolumeClass::kNonVolatile, /*drain=*/true},
                                 {2, 9 * kGiB, {}, VolumeClass::kNonVolatile},
                                 {3, 9 * kGiB, {}, VolumeClass::kNonVolatile},
                                 {4, 1000, {}, VolumeClass::kNonVolatile},
                                 {5, 1 * kGiB, {}, VolumeClass::kNonVolatile}});
  servers.OnSlow(2, true);
  servers.OnReport(3, {10 * kGiB, 0, 0, 9 * kGiB, "a sync failed"});
  ASSERT_OK_AND_ASSIGN(const auto ids, PlaceVolume(servers, {}, {}, VolumeClass::kNonVolatile));
  EXPECT_THAT(ids, ElementsAre(5));
}

TEST(PlaceVolumeTest, SaysWhetherServersOrRoomAreMissing) {
  ServerTable servers = TableOf({{1, 9 * kGiB}, {2, 9 * kGiB}, {3, 1000}});
  auto ids = PlaceVolume(servers, {}, {}, VolumeClass::kVolatile);
  EXPECT_EQ(FailCodeOf(ids.status()), FailCode::kNoSpace) << ids.status();
  servers.OnDisconnected(2, kStart, 0);
  ids = PlaceVolume(servers, {}, {}, VolumeClass::kVolatile);
  EXPECT_EQ(FailCodeOf(ids.status()), FailCode::kUnavailable) << ids.status();
}

TEST(PlaceVolumeTest, AServerThatDoesNotAnswerIsNotFull) {
  ServerTable servers = TableOf({{1, 9 * kGiB}, {2, 9 * kGiB}, {3, 9 * kGiB}});
  servers.OnSlow(2, true);
  auto ids = PlaceVolume(servers, {}, {}, VolumeClass::kVolatile);
  EXPECT_EQ(FailCodeOf(ids.status()), FailCode::kUnavailable) << ids.status();
  EXPECT_EQ(ids.status().message(),
            "new data needs 3 volatile data servers, and 2 are there now; no answer from d2; try "
            "again later");
  servers.OnSlow(2, false);
  EXPECT_OK(PlaceVolume(servers, {}, {}, VolumeClass::kVolatile));
}

TEST(PlaceVolumeTest, OneThatWouldBeEnoughIsWaitedForAlthoughAnotherIsFull) {
  ServerTable servers = TableOf({{1, 9 * kGiB}, {2, 9 * kGiB}, {3, 1000}, {4, 9 * kGiB}});
  servers.OnSlow(4, true);
  auto ids = PlaceVolume(servers, {}, {}, VolumeClass::kVolatile);
  EXPECT_EQ(FailCodeOf(ids.status()), FailCode::kUnavailable) << ids.status();
  servers.OnReport(4, {10 * kGiB, 0, 0, 1000, ""});  // Now its room would not do.
  ids = PlaceVolume(servers, {}, {}, VolumeClass::kVolatile);
  EXPECT_EQ(FailCodeOf(ids.status()), FailCode::kNoSpace) << ids.status();
}

TEST(PlaceCopyTest, PrefersTheRightClassThenAHolderThenDistance) {
  ServerTable servers = TableOf({{1, 9 * kGiB, {{"rack", "a"}}},
                                 {2, 8 * kGiB, {{"rack", "a"}}},
                                 {3, 2 * kGiB, {{"rack", "b"}}},
                                 {4, 9 * kGiB, {}, VolumeClass::kNonVolatile}});
  CopyNeed need = {VolumeClass::kVolatile, kGiB, {1}, {1}};
  EXPECT_EQ(PlaceCopy(servers, need, 7), 3);
  servers.AddHolding(2, 7, 1, kGiB);
  EXPECT_EQ(PlaceCopy(servers, need, 7), 2);
  need.excluded = {1, 2, 3};
  EXPECT_EQ(PlaceCopy(servers, need, 7), 4);
  need.volume_class = VolumeClass::kNonVolatile;
  need.excluded = {4};
  EXPECT_EQ(PlaceCopy(servers, need, 7), 0) << "one copy on a server that comes and goes";
}

TEST(ServerTableTest, AnotherDiskIsNoReplica) {
  ServerTable servers = TableOf({{1, kGiB}});
  EXPECT_TRUE(servers.IsLive({1, "store1"}));
  servers.OnDisconnected(1, kStart, 1'700'000'000'000);
  EXPECT_FALSE(servers.IsLive({1, "store1"}));
  EXPECT_EQ(servers.Describe(1), "d1 (offline since 2023-11-14 22:13:20 UTC)");
  EXPECT_TRUE(servers.OnConnected(1, "d1", "new disk", {}, kStart));
  EXPECT_FALSE(servers.IsLive({1, "store1"}));
}

TEST(ServerTableTest, WhatCameWhileItWasAskedForItsHoldingsStays) {
  ServerTable servers = TableOf({{1, kGiB}});
  servers.OnConnected(1, "d1", "store1", {}, kStart);
  EXPECT_FALSE(servers.Find(1)->holdings_known);
  servers.AddHolding(1, 7, 1, 100);
  servers.SetHoldings(1, {{8, {1, 100}}});
  EXPECT_TRUE(servers.Find(1)->holdings_known);
  EXPECT_TRUE(servers.Find(1)->holdings.contains(7));
  EXPECT_TRUE(servers.Find(1)->holdings.contains(8));
}

TEST(ServerTableTest, FlapsWhenItLeftOftenLately) {
  ServerTable servers = TableOf({{1, kGiB}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(servers.IsFlapping(1, absl::Minutes(i)));
    servers.OnDisconnected(1, absl::Minutes(i), 0);
    servers.OnConnected(1, "d1", "store1", {}, absl::Minutes(i));
  }
  EXPECT_TRUE(servers.IsFlapping(1, absl::Minutes(3)));
  EXPECT_FALSE(servers.IsFlapping(1, absl::Minutes(90)));
}

TEST(ChunkNumbersTest, AStartNeverRepeatsAnother) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const uint64_t first = ChunkNumbers::NextStart(0, now);
  EXPECT_GT(first, 500'000) << "a restored store does not know of later starts; time does";
  EXPECT_EQ(ChunkNumbers::NextStart(first, now), first + 1);
  ChunkNumbers before(first);
  ChunkNumbers after(first + 1);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(before.Next(), uint64_t{first + 1} << 40);
  EXPECT_GT(after.Next(), uint64_t{first + 1} << 40);
}

TEST(ChunkNumbersTest, KnowsWhatIsOld) {
  ChunkNumbers numbers(9);
  const ChunkId early = numbers.Next();
  EXPECT_LT(uint64_t{8} << 40, numbers.OlderThan(absl::Minutes(30), kStart)) << "earlier starts";
  numbers.Mark(absl::Minutes(1));
  const ChunkId late = numbers.Next();
  EXPECT_LE(numbers.OlderThan(absl::Minutes(30), absl::Minutes(30)), early);
  const ChunkId old = numbers.OlderThan(absl::Minutes(30), absl::Minutes(31));
  EXPECT_GT(old, early);
  EXPECT_LE(old, late);
}

}  // namespace
}  // namespace convergia::datamgr
