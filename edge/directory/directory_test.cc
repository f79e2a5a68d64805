#include "edge/directory/directory.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

UserHash H(absl::string_view user) { return HashOfUser(user); }

// The digests as they must be, computed from scratch.
DirectoryDigests DigestsOf(const std::set<std::pair<std::string, NodeId>>& places) {
  DirectoryDigests digests = {};
  for (const auto& [user, edge] : places) digests[BucketOf(H(user))] += PlaceDigest(H(user), edge);
  return digests;
}

TEST(DirectoryTest, KnowsNobodyAtFirst) {
  Directory directory;
  EXPECT_TRUE(directory.Find("alice").empty());
  EXPECT_EQ(directory.digests(), DirectoryDigests{});
}

TEST(DirectoryTest, PutsAndErasesEachOnce) {
  Directory directory;
  EXPECT_TRUE(directory.Put(H("alice"), 2));
  EXPECT_TRUE(directory.Put(H("alice"), 1));
  EXPECT_FALSE(directory.Put(H("alice"), 2));
  EXPECT_EQ(directory.Find("alice"), Places({1, 2}));
  EXPECT_TRUE(directory.Erase(H("alice"), 2));
  EXPECT_FALSE(directory.Erase(H("alice"), 2));
  EXPECT_EQ(directory.Find("alice"), Places({1}));
  EXPECT_EQ(directory.digests(), DigestsOf({{"alice", 1}}));
}

TEST(DirectoryTest, AnEdgeGoneTakesItsPlacesAlong) {
  Directory directory;
  directory.Put(H("alice"), 1);
  directory.Put(H("bob"), 1);
  directory.Put(H("bob"), 2);
  directory.EraseEdge(1);
  EXPECT_TRUE(directory.Find("alice").empty());
  EXPECT_EQ(directory.Find("bob"), Places({2}));
  EXPECT_EQ(directory.digests(), DigestsOf({{"bob", 2}}));
}

TEST(DirectoryTest, ReplacesOneEdgeAndNoOther) {
  Directory directory;
  directory.Put(H("alice"), 1);
  directory.Put(H("bob"), 1);
  directory.Put(H("bob"), 2);
  directory.ReplaceEdge(1, {H("carol"), H("bob"), H("carol")});
  EXPECT_TRUE(directory.Find("alice").empty());
  EXPECT_EQ(directory.Find("bob"), Places({1, 2}));
  EXPECT_EQ(directory.Find("carol"), Places({1}));
  EXPECT_EQ(directory.digests(), DigestsOf({{"bob", 1}, {"bob", 2}, {"carol", 1}}));
  std::vector<UserHash> users = directory.UsersAt(1);
  EXPECT_EQ(std::set<UserHash>(users.begin(), users.end()),
            (std::set<UserHash>{H("bob"), H("carol")}));
}

TEST(DirectoryTest, ABucketIsReplacedButForTheEdgesThatAreKept) {
  Directory directory;
  directory.Put(H("alice"), 1);
  directory.Put(H("alice"), 2);
  const auto keeps_two = [](NodeId edge) { return edge == 2; };
  directory.ReplaceBucket(BucketOf(H("alice")), {{H("alice"), 3}, {H("alice"), 2}}, keeps_two);
  EXPECT_EQ(directory.Find("alice"), Places({2, 3}));
  directory.ReplaceBucket(BucketOf(H("alice")), {}, keeps_two);
  EXPECT_EQ(directory.Find("alice"), Places({2}));
  EXPECT_EQ(directory.digests(), DigestsOf({{"alice", 2}}));
}

TEST(DirectoryTest, VersionsGrowWithChangesOnly) {
  Directory directory;
  const uint32_t at_first = directory.version("alice");
  directory.Put(H("alice"), 1);
  const uint32_t then = directory.version("alice");
  EXPECT_GT(then, at_first);
  directory.Put(H("alice"), 1);
  directory.EraseEdge(7);
  directory.ReplaceEdge(1, {H("alice")});
  EXPECT_EQ(directory.version("alice"), then);
  directory.EraseEdge(1);
  EXPECT_GT(directory.version("alice"), then);
}

TEST(DirectoryTest, RandomChangesAreWhatAPlainSetMakesOfThem) {
  const uint64_t seed = 20260;
  Rng rng(seed);
  Directory directory;
  std::set<std::pair<std::string, NodeId>> truth;
  const auto erase_edge = [&](NodeId edge) {
    std::erase_if(truth, [edge](const auto& place) { return place.second == edge; });
  };
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " step ", step));
    const std::string user = absl::StrCat("user", rng() % 40);
    const NodeId edge = 1 + rng() % 4;
    switch (rng() % 20) {
      case 0:
        directory.EraseEdge(edge);
        erase_edge(edge);
        break;
      case 1:
        directory.ReplaceEdge(edge, {H(user), H("new")});
        erase_edge(edge);
        truth.insert({user, edge});
        truth.insert({"new", edge});
        break;
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
        EXPECT_EQ(directory.Erase(H(user), edge), truth.erase({user, edge}) > 0);
        break;
      default:
        EXPECT_EQ(directory.Put(H(user), edge), truth.insert({user, edge}).second);
    }
    ASSERT_EQ(directory.size(), truth.size());
  }
  EXPECT_EQ(directory.digests(), DigestsOf(truth));
  std::map<std::string, Places> places;
  for (const auto& [user, edge] : truth) places[user].push_back(edge);
  for (const auto& [user, edges] : places) EXPECT_EQ(directory.Find(user), edges) << user;
}

TEST(DirectoryTest, AMillionUsersTakeAtMost16BytesEach) {
  Directory directory;
  constexpr int kUsers = 1'000'000;
  for (int i = 0; i < kUsers; ++i) directory.Put(H(absl::StrCat("user", i)), 1 + i % 10);
  EXPECT_EQ(directory.size(), kUsers);
  EXPECT_LE(directory.bytes(), 16 * kUsers);
}

TEST(DirectoryTest, FindRunsBesideChanges) {
  Directory directory;
  directory.Put(H("alice"), 1);
  std::thread writer([&directory] {
    for (int i = 0; i < 200; ++i) {
      for (int j = 0; j < 50; ++j) directory.Put(H(absl::StrCat("user", j)), 2);
      directory.ReplaceEdge(2, {H("bob")});
      directory.EraseEdge(2);
    }
  });
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(directory.Find("alice"), Places({1}));
  writer.join();
}

TEST(UserHashTest, DigestsTravelAsBytes) {
  DirectoryDigests digests = {};
  for (size_t i = 0; i < digests.size(); ++i) digests[i] = i * 0x123456789abcdef;
  const std::string bytes = EncodeDigests(digests);
  EXPECT_EQ(bytes.size(), 32 * 1024);
  EXPECT_EQ(DecodeDigests(bytes), digests);
  EXPECT_EQ(DecodeDigests(bytes.substr(1)), std::nullopt);
  EXPECT_EQ(DecodeDigests(bytes + "x"), std::nullopt);
}

TEST(DirectoryLeftTest, KnowsForAMomentWhoHasLeft) {
  Directory directory;
  const absl::Duration now = absl::Seconds(100);
  directory.set_now(now);
  directory.Put(HashOfUser("ann"), 2);
  EXPECT_FALSE(directory.LeftLately("ann", 2));
  directory.Erase(HashOfUser("ann"), 2);
  EXPECT_TRUE(directory.LeftLately("ann", 2));
  EXPECT_FALSE(directory.LeftLately("ann", 3));
  EXPECT_FALSE(directory.LeftLately("bob", 2));
  directory.set_now(now + Directory::kLeftMemory);
  EXPECT_TRUE(directory.LeftLately("ann", 2));
  directory.set_now(now + Directory::kLeftMemory + absl::Seconds(1));
  EXPECT_FALSE(directory.LeftLately("ann", 2));
  for (size_t i = 0; i <= Directory::kLeftMax; ++i) {  // The first has to make room.
    directory.Put(HashOfUser(absl::StrCat("user", i)), 2);
    directory.Erase(HashOfUser(absl::StrCat("user", i)), 2);
  }
  directory.SetLost(2, true);
  EXPECT_TRUE(directory.IsLost(2));
  EXPECT_FALSE(directory.IsLost(3));
  directory.SetLost(2, false);
  EXPECT_FALSE(directory.IsLost(2));
  EXPECT_FALSE(directory.LeftLately("user0", 2));
  EXPECT_TRUE(directory.LeftLately("user1", 2));
}

}  // namespace
}  // namespace convergia::edge
