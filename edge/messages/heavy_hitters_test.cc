#include "edge/messages/heavy_hitters.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"

namespace convergia::edge {
namespace {

std::map<std::string, uint64_t> Taken(HeavyHitters* heavy_hitters) {
  std::map<std::string, uint64_t> bytes;
  for (const HeavyHitters::Peer& peer : heavy_hitters->Take()) bytes[peer.name] = peer.bytes;
  return bytes;
}

TEST(HeavyHittersTest, SumsForEachPeerAndBeginsAnew) {
  HeavyHitters heavy_hitters;
  heavy_hitters.Count("bob", 100);
  heavy_hitters.Count("carol", 10);
  heavy_hitters.Count("bob", 5);
  heavy_hitters.Count("carol", 1);
  EXPECT_EQ(Taken(&heavy_hitters), (std::map<std::string, uint64_t>{{"bob", 105}, {"carol", 11}}));
  EXPECT_TRUE(heavy_hitters.empty());
  heavy_hitters.Count("carol", 7);
  EXPECT_EQ(Taken(&heavy_hitters), (std::map<std::string, uint64_t>{{"carol", 7}}));
}

TEST(HeavyHittersTest, HeavyPeersStayAmongAnyNumberOfLightOnes) {
  HeavyHitters heavy_hitters;
  for (int i = 0; i < 10'000; ++i) {
    heavy_hitters.Count(absl::StrCat("stranger", i), 10);
    if (i % 10 == 0) heavy_hitters.Count("bob", 1'000);
    if (i % 10 == 5) heavy_hitters.Count("carol", 500);
  }
  const auto taken = Taken(&heavy_hitters);
  EXPECT_LE(taken.size(), HeavyHitters::kPeersMax);
  ASSERT_TRUE(taken.contains("bob") && taken.contains("carol"));
  EXPECT_GT(taken.at("bob"), 900'000);
  EXPECT_GT(taken.at("carol"), 400'000);
}

}  // namespace
}  // namespace convergia::edge
