#include "edge/directory.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

using Step = Directory::Step;

struct User {
  std::string name;
  std::vector<NodeId> edges;
};

Step Whole(Directory& directory, Directory::Position position, const std::vector<User>& users,
           bool more = false) {
  const Step step = directory.Begin(position, /*whole=*/true);
  for (const User& user : users) directory.Set(user.name, user.edges);
  directory.End(more);
  return step;
}

Step Delta(Directory& directory, Directory::Position position, const std::vector<User>& users,
           const std::vector<NodeId>& gone = {}) {
  const Step step = directory.Begin(position, /*whole=*/false);
  if (step != Step::kApply) return step;
  for (const User& user : users) directory.Set(user.name, user.edges);
  for (NodeId edge : gone) directory.RemoveEdge(edge);
  directory.End(/*more=*/false);
  return step;
}

TEST(DirectoryTest, KnowsNobodyAtFirst) {
  Directory directory;
  EXPECT_TRUE(directory.Find("alice").empty());
}

TEST(DirectoryTest, AppliesWholeThenDeltas) {
  Directory directory;
  EXPECT_EQ(Whole(directory, {5, 10}, {{"alice", {1}}, {"bob", {2, 1}}}), Step::kApply);
  EXPECT_EQ(directory.Find("alice"), Places({1}));
  EXPECT_EQ(directory.Find("bob"), Places({1, 2}));
  EXPECT_EQ(Delta(directory, {5, 11}, {{"alice", {3}}, {"bob", {}}}), Step::kApply);
  EXPECT_EQ(directory.Find("alice"), Places({3}));
  EXPECT_TRUE(directory.Find("bob").empty());
}

TEST(DirectoryTest, AGapIsToldAndNothingChanges) {
  Directory directory;
  Whole(directory, {5, 10}, {{"alice", {1}}});
  EXPECT_EQ(Delta(directory, {5, 12}, {{"alice", {3}}}), Step::kGap);
  EXPECT_EQ(Delta(directory, {6, 11}, {{"alice", {3}}}), Step::kGap);
  EXPECT_EQ(Delta(directory, {5, 10}, {{"alice", {3}}}), Step::kIgnore);
  EXPECT_EQ(directory.Find("alice"), Places({1}));
  EXPECT_EQ(directory.position(), (Directory::Position{5, 10}));
}

TEST(DirectoryTest, AnEdgeGoneTakesItsPlacesAlong) {
  Directory directory;
  Whole(directory, {5, 1}, {{"alice", {1}}, {"bob", {1, 2}}});
  Delta(directory, {5, 2}, {}, {1});
  EXPECT_TRUE(directory.Find("alice").empty());
  EXPECT_EQ(directory.Find("bob"), Places({2}));
}

TEST(DirectoryTest, AWholeInPartsServesTheOldUntilItsEnd) {
  Directory directory;
  Whole(directory, {5, 1}, {{"alice", {1}}, {"carol", {1}}});
  Whole(directory, {6, 1}, {{"alice", {2}}}, /*more=*/true);
  EXPECT_EQ(directory.Find("alice"), Places({1}));
  Whole(directory, {6, 2}, {{"bob", {2}}});
  EXPECT_EQ(directory.Find("alice"), Places({2}));
  EXPECT_EQ(directory.Find("bob"), Places({2}));
  EXPECT_TRUE(directory.Find("carol").empty());
}

TEST(DirectoryTest, AWholeThatBreaksOffIsForgotten) {
  Directory directory;
  Whole(directory, {5, 1}, {{"alice", {1}}});
  Whole(directory, {5, 2}, {{"alice", {2}}}, /*more=*/true);
  directory.OnDetached();
  EXPECT_EQ(directory.Find("alice"), Places({1}));
  EXPECT_EQ(Delta(directory, {5, 3}, {{"alice", {3}}}), Step::kGap);
  Whole(directory, {5, 3}, {{"bob", {3}}});
  EXPECT_TRUE(directory.Find("alice").empty());
}

TEST(DirectoryTest, VersionGrowsWithEachChangeOfAUser) {
  Directory directory;
  Whole(directory, {5, 1}, {{"alice", {1}}});
  const uint32_t before = directory.version("alice");
  Delta(directory, {5, 2}, {{"alice", {1, 2}}});
  EXPECT_NE(directory.version("alice"), before);
}

TEST(DirectoryTest, EqualsAMapAfterAnyHistory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Rng rng(seed);
    Directory directory;
    std::map<std::string, std::vector<NodeId>> model;
    Whole(directory, {1, 1}, {});
    for (uint64_t sequence = 2; sequence < 500; ++sequence) {
      if (rng() % 50 == 0) {
        const NodeId gone = 1 + rng() % 4;
        for (auto& [name, edges] : model) std::erase(edges, gone);
        ASSERT_EQ(Delta(directory, {1, sequence}, {}, {gone}), Step::kApply);
        continue;
      }
      const std::string name = absl::StrCat("user", rng() % 60);
      std::vector<NodeId>& edges = model[name];
      edges.clear();
      for (NodeId edge = 1; edge <= 4; ++edge) {
        if (rng() % 3 == 0) edges.push_back(edge);
      }
      ASSERT_EQ(Delta(directory, {1, sequence}, {{name, edges}}), Step::kApply);
    }
    for (const auto& [name, edges] : model) {
      EXPECT_EQ(directory.Find(name), Places(edges.begin(), edges.end())) << name;
    }
  }
}

TEST(DirectoryTest, TakesAtMostSixteenBytesAUser) {
  Directory directory;
  directory.Begin({1, 1}, /*whole=*/true);
  constexpr int kUsers = 1'000'000;
  for (int i = 0; i < kUsers; ++i) {
    const NodeId edge = 1 + i % 10;
    directory.Set(absl::StrCat("user", i), {&edge, 1});
  }
  directory.End(/*more=*/false);
  EXPECT_EQ(directory.size(), kUsers);
  EXPECT_LE(directory.bytes() / kUsers, 16);
}

TEST(DirectoryTest, LooksUpWhileBatchesAreApplied) {
  Directory directory;
  Whole(directory, {1, 1}, {{"alice", {1, 2}}});
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const Places places = directory.Find("alice");
      ASSERT_TRUE(places == Places({1, 2}) || places == Places({3})) << places.size();
    }
  });
  for (uint64_t sequence = 2; sequence < 2000; ++sequence) {
    Delta(directory, {1, sequence}, {sequence % 2 ? User{"alice", {1, 2}} : User{"alice", {3}}});
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace convergia::edge
