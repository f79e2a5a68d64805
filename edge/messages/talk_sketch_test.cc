#include "edge/messages/talk_sketch.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"

namespace convergia::edge {
namespace {

std::map<std::string, uint64_t> Taken(TalkSketch* sketch) {
  std::map<std::string, uint64_t> bytes;
  for (const TalkSketch::Peer& peer : sketch->Take()) bytes[peer.name] = peer.bytes;
  return bytes;
}

TEST(TalkSketchTest, SumsForEachPeerAndBeginsAnew) {
  TalkSketch sketch;
  sketch.Count("bob", 100);
  sketch.Count("carol", 10);
  sketch.Count("bob", 5);
  sketch.Count("carol", 1);
  EXPECT_EQ(Taken(&sketch), (std::map<std::string, uint64_t>{{"bob", 105}, {"carol", 11}}));
  EXPECT_TRUE(sketch.empty());
  sketch.Count("carol", 7);
  EXPECT_EQ(Taken(&sketch), (std::map<std::string, uint64_t>{{"carol", 7}}));
}

TEST(TalkSketchTest, HeavyPeersStayAmongAnyNumberOfLightOnes) {
  TalkSketch sketch;
  for (int i = 0; i < 10'000; ++i) {
    sketch.Count(absl::StrCat("stranger", i), 10);
    if (i % 10 == 0) sketch.Count("bob", 1'000);
    if (i % 10 == 5) sketch.Count("carol", 500);
  }
  const auto taken = Taken(&sketch);
  EXPECT_LE(taken.size(), TalkSketch::kPeersMax);
  ASSERT_TRUE(taken.contains("bob") && taken.contains("carol"));
  EXPECT_GT(taken.at("bob"), 900'000);
  EXPECT_GT(taken.at("carol"), 400'000);
}

}  // namespace
}  // namespace convergia::edge
