#include "mgmt/cluster/directory.h"

#include <map>
#include <set>
#include <utility>

#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Applied = Directory::Applied;

UserHash H(absl::string_view user) { return HashOfUser(user); }

// Speaks for one edge, and counts as edges do.
class Author {
 public:
  Author(Directory* directory, NodeId id, Epoch epoch = 1)
      : directory_(directory), id_(id), epoch_(epoch) {}

  static v1::LocationReport Report(bool whole, const std::map<std::string, uint32_t>& sessions) {
    v1::LocationReport report;
    report.set_whole(whole);
    for (const auto& [user, count] : sessions) {
      v1::LocationChange* change = report.add_changes();
      change->set_username(user);
      change->set_account_id(100);
      change->set_sessions(count);
    }
    return report;
  }
  Applied Whole(const std::map<std::string, uint32_t>& sessions, bool more = false) {
    v1::LocationReport report = Report(true, sessions);
    report.set_version(version_);
    report.set_more(more);
    return directory_->Apply(id_, epoch_, report);
  }
  Applied WholeGoesOn(const std::map<std::string, uint32_t>& sessions, bool more) {
    v1::LocationReport report = Report(false, sessions);
    report.set_version(version_);
    report.set_more(more);
    return directory_->Apply(id_, epoch_, report);
  }
  Applied Change(const std::map<std::string, uint32_t>& sessions) {
    v1::LocationReport report = Report(false, sessions);
    report.set_version(++version_);
    return directory_->Apply(id_, epoch_, report);
  }
  void set_version(uint64_t version) { version_ = version; }
  void Skip() { ++version_; }  // Changes while it was not attached.
  void Restart() {
    ++epoch_;
    version_ = 1;
  }

 private:
  Directory* const directory_;
  const NodeId id_;
  Epoch epoch_;
  uint64_t version_ = 1;
};

using PlaceSet = std::set<std::pair<UserHash, NodeId>>;

DirectoryDigests DigestsOf(const PlaceSet& places) {
  DirectoryDigests digests = {};
  for (const auto& [user, edge] : places) digests[BucketOf(user)] += PlaceDigest(user, edge);
  return digests;
}

// A directory as an edge builds it from mgmt's batches.
class Follower {
 public:
  void Take(const v1::DirectoryBatch& batch) {
    for (const v1::EdgeUsers& change : batch.edges()) {
      const NodeId edge = change.edge();
      const bool begins = change.part() == 0;
      if (change.gone() || (begins && change.from() == 0)) {
        std::erase_if(places, [edge](const auto& place) { return place.second == edge; });
      }
      for (const UserHash user : change.here()) places.insert({user, edge});
      for (const UserHash user : change.left()) places.erase({user, edge});
    }
    position = batch.position();
  }
  void Take(const std::vector<v1::DirectoryBuckets>& parts) {
    for (const v1::DirectoryBuckets& part : parts) {
      for (const v1::DirectoryBucket& bucket : part.buckets()) {
        std::erase_if(places,
                      [&](const auto& place) { return BucketOf(place.first) == bucket.index(); });
        for (int i = 0; i < bucket.users_size(); ++i) {
          places.insert({bucket.users(i), bucket.edges(i)});
        }
      }
      position.set_epoch(part.epoch());
      position.set_sequence(part.sequence());
    }
  }
  // Whatever it missed.
  void CatchUp(const Directory& directory) {
    if (const auto missed = directory.Since(position)) {
      for (const v1::DirectoryBatch& batch : *missed) Take(batch);
    } else {
      Take(directory.Differing(DigestsOf(places)));
    }
  }

  PlaceSet places;
  v1::DirectoryPosition position;
};

void Drain(Directory* directory) {
  while (directory->TakeBatch()) {
  }
}

TEST(DirectoryTest, ChangesComeOutEdgeByEdge) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2), three(&directory, 3);
  EXPECT_FALSE(directory.TakeBatch().has_value());
  EXPECT_EQ(two.Whole({{"ann", 1}, {"bob", 2}}), Applied::kAnnounced);
  EXPECT_EQ(three.Whole({{"ann", 1}}), Applied::kAnnounced);
  const auto first = directory.TakeBatch();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->position().epoch(), 7);
  EXPECT_EQ(first->position().sequence(), 1);
  ASSERT_EQ(first->edges_size(), 2);
  EXPECT_EQ(first->edges(0).from(), 0);
  EXPECT_EQ(first->edges(0).version(), 1);
  EXPECT_THAT(directory.EdgesOf("ann"), ElementsAre(2, 3));
  EXPECT_EQ(directory.AccountOf("ann"), 100);
  EXPECT_EQ(two.Change({{"ann", 0}, {"bob", 1}}), Applied::kApplied);
  const auto second = directory.TakeBatch();
  ASSERT_EQ(second->edges_size(), 1);
  EXPECT_EQ(second->edges(0).from(), 1);
  EXPECT_EQ(second->edges(0).version(), 2);
  EXPECT_THAT(second->edges(0).left(), ElementsAre(H("ann")));
  EXPECT_FALSE(directory.TakeBatch().has_value());
  EXPECT_EQ(directory.users_online(), 2);
}

TEST(DirectoryTest, ManyChangesAreCutIntoPartsAndBatchesThatCountUp) {
  Directory directory({.epoch = 7, .batch_users_max = 10});
  Author two(&directory, 2), three(&directory, 3);
  std::map<std::string, uint32_t> users;
  for (int i = 0; i < 25; ++i) users[absl::StrCat("u", i)] = 1;
  two.Whole(users);
  three.Whole({{"u3", 1}});
  Follower follower;
  uint64_t sequence = 0;
  while (const auto batch = directory.TakeBatch()) {
    EXPECT_EQ(batch->position().sequence(), ++sequence);
    size_t named = 0;
    for (const auto& change : batch->edges()) named += change.here_size() + change.left_size();
    EXPECT_LE(named, 10);
    follower.Take(*batch);
  }
  EXPECT_EQ(sequence, 3);
  EXPECT_EQ(follower.places.size(), 26);
  EXPECT_EQ(DigestsOf(follower.places), directory.digests());
}

TEST(DirectoryTest, AWholeReplacesWithoutAnyoneFlickering) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  two.Whole({{"ann", 1}, {"bob", 1}, {"cat", 1}});
  Drain(&directory);
  two.set_version(5);
  EXPECT_EQ(two.Whole({{"ann", 1}}, /*more=*/true), Applied::kApplied);
  EXPECT_FALSE(directory.TakeBatch().has_value());
  EXPECT_THAT(directory.EdgesOf("bob"), ElementsAre(2));
  EXPECT_EQ(two.WholeGoesOn({{"cat", 1}, {"dan", 1}}, /*more=*/false), Applied::kAnnounced);
  const auto batch = directory.TakeBatch();
  ASSERT_EQ(batch->edges_size(), 1);
  EXPECT_EQ(batch->edges(0).from(), 1);
  EXPECT_EQ(batch->edges(0).version(), 5);
  EXPECT_THAT(batch->edges(0).left(), ElementsAre(H("bob")));
  EXPECT_THAT(batch->edges(0).here(), ElementsAre(H("dan")));
  EXPECT_THAT(directory.EdgesOf("bob"), IsEmpty());
}

// Somebody may come between the last change of an edge and its whole: the whole names them at a
// version that is without them, and the next change names them again.
TEST(DirectoryTest, ChangesAreToldThoughAWholeNamedThemTooEarly) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  two.Whole({{"ann", 1}});
  Drain(&directory);
  two.Change({{"ann", 1}, {"bob", 0}});
  const auto batch = directory.TakeBatch();
  EXPECT_THAT(batch->edges(0).here(), ElementsAre(H("ann")));
  EXPECT_THAT(batch->edges(0).left(), ElementsAre(H("bob")));
}

TEST(DirectoryTest, ANewStartTellsAllAnew) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  two.Whole({{"ann", 1}, {"bob", 1}});
  Drain(&directory);
  two.Restart();
  two.Whole({{"ann", 1}});
  const auto batch = directory.TakeBatch();
  ASSERT_EQ(batch->edges_size(), 1);
  EXPECT_EQ(batch->edges(0).epoch(), 2);
  EXPECT_EQ(batch->edges(0).from(), 0);
  EXPECT_THAT(batch->edges(0).here(), ElementsAre(H("ann")));
}

TEST(DirectoryTest, TheDeathOfAnEdgeIsOneRecord) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2), three(&directory, 3);
  std::map<std::string, uint32_t> users;
  for (int i = 0; i < 1000; ++i) users[absl::StrCat("user", i)] = 1;
  two.Whole(users);
  three.Whole({{"user7", 1}});
  Drain(&directory);
  directory.SetWatched(true);
  directory.EdgeGone(2);
  directory.EdgeGone(2);
  EXPECT_EQ(directory.TakeChangedUsers().size(), 1000);
  EXPECT_THAT(directory.TakeChangedUsers(), IsEmpty());
  const auto batch = directory.TakeBatch();
  ASSERT_EQ(batch->edges_size(), 1);
  EXPECT_TRUE(batch->edges(0).gone());
  EXPECT_EQ(batch->edges(0).edge(), 2);
  EXPECT_EQ(batch->edges(0).epoch(), 1);
  EXPECT_LT(batch->ByteSizeLong(), 30);
  EXPECT_THAT(directory.EdgesOf("user7"), ElementsAre(3));
  EXPECT_EQ(directory.users_online(), 1);
  EXPECT_EQ(directory.digests(), DigestsOf({{H("user7"), 3}}));
  EXPECT_FALSE(directory.TakeBatch().has_value());
  // And it comes back, the same start.
  two.Whole({{"ann", 1}});
  EXPECT_THAT(directory.TakeBatch()->edges(0).here(), ElementsAre(H("ann")));
}

TEST(DirectoryTest, OneThatDiesAndComesBackBetweenBatchesIsToldAsItIs) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  two.Whole({{"ann", 1}, {"bob", 1}});
  Drain(&directory);
  directory.EdgeGone(2);
  two.set_version(3);
  two.Whole({{"ann", 1}});
  const auto batch = directory.TakeBatch();
  ASSERT_EQ(batch->edges_size(), 1);
  EXPECT_FALSE(batch->edges(0).gone());
  EXPECT_EQ(batch->edges(0).from(), 0);
  EXPECT_THAT(batch->edges(0).here(), ElementsAre(H("ann")));
}

TEST(DirectoryTest, WhatDoesNotFollowIsRefusedAndCounted) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  EXPECT_EQ(two.Change({{"ann", 1}}), Applied::kGap);  // Never announced.
  two.Whole({{"ann", 1}});
  two.set_version(9);
  EXPECT_EQ(two.Change({{"bob", 1}}), Applied::kGap);
  two.set_version(0);
  EXPECT_EQ(two.Change({{"bob", 1}}), Applied::kRepeated);
  EXPECT_EQ(two.Whole({{"bob", 1}}), Applied::kRepeated);  // Older than what is known.
  EXPECT_THAT(directory.EdgesOf("bob"), IsEmpty());
  EXPECT_EQ(directory.refused(2).reports, 2);  // A repeated report may come on a bad day.
  EXPECT_EQ(directory.refused(3).reports, 0);
}

TEST(DirectoryTest, BadNamesAreLeftOutAndCounted) {
  Directory directory({.epoch = 7});
  Author two(&directory, 2);
  two.Whole({{"", 1}, {"Ann", 1}, {"a b", 1}, {std::string(33, 'a'), 1}, {"bob", 1}});
  two.Change({{"nobody", 0}});
  EXPECT_EQ(directory.refused(2).names, 4);
  directory.ForgetRefused(2);
  EXPECT_EQ(directory.refused(2).names, 0);
  EXPECT_EQ(directory.users_online(), 1);
}

TEST(DirectoryTest, WhoMissedSomeGetsThemAndWhoMissedTooManyComparesDigests) {
  Directory directory({.epoch = 7, .history_users_max = 9});
  Author two(&directory, 2);
  two.Whole({{"user0", 1}});
  Drain(&directory);
  for (int i = 1; i <= 5; ++i) {
    two.Change({{absl::StrCat("user", i), 1}});
    Drain(&directory);
  }
  const auto position = [](Epoch epoch, uint64_t sequence) {
    v1::DirectoryPosition position;
    position.set_epoch(epoch);
    position.set_sequence(sequence);
    return position;
  };
  EXPECT_THAT(*directory.Since(position(7, 6)), IsEmpty());
  const auto missed = directory.Since(position(7, 3));
  ASSERT_TRUE(missed.has_value());
  ASSERT_EQ(missed->size(), 3);
  EXPECT_EQ((*missed)[0].position().sequence(), 4);
  for (const auto& p : {position(7, 0), position(7, 2), position(6, 5), position(7, 7)}) {
    EXPECT_FALSE(directory.Since(p).has_value());
  }
  PlaceSet places;
  for (int i = 0; i <= 5; ++i) places.insert({H(absl::StrCat("user", i)), 2});
  const auto none = directory.Differing(DigestsOf(places));
  ASSERT_EQ(none.size(), 1);
  EXPECT_EQ(none[0].sequence(), 6);
  EXPECT_FALSE(none[0].more());
  EXPECT_EQ(none[0].edges(0).version(), 6);
  EXPECT_THAT(none[0].buckets(), IsEmpty());
  places.erase({H("user4"), 2});
  places.insert({H("ghost"), 3});
  const auto two_differ = directory.Differing(DigestsOf(places));
  EXPECT_EQ(two_differ[0].buckets_size(), 2);
}

TEST(DirectoryTest, AMillionUsersTakeAtMost80BytesEach) {
  Directory directory({.epoch = 7});
  std::vector<Author> edges;
  for (NodeId id = 1; id <= 10; ++id) edges.emplace_back(&directory, id);
  for (Author& edge : edges) edge.Whole({});
  for (int i = 0; i < 1'000'000; i += 5'000) {
    std::map<std::string, uint32_t> users;
    for (int j = i; j < i + 5'000; ++j) users[absl::StrCat("user", j)] = 1;
    edges[i / 5'000 % 10].Change(users);
    Drain(&directory);
  }
  EXPECT_EQ(directory.users_online(), 1'000'000);
  EXPECT_LE(directory.bytes(), 80'000'000);
}

// Random sign-ins, deaths, restarts, re-announcements and lost batches: a follower that asks for
// what it missed always ends up with what the directory has, which is what the edges have.
TEST(DirectoryTest, FollowersConvergeWhateverIsLost) {
  const uint64_t seed = 991;
  Rng rng(seed);
  Directory directory({.epoch = 7, .history_users_max = 40, .batch_users_max = 3});
  std::map<NodeId, Author> edges;
  for (NodeId id = 2; id <= 4; ++id) {
    edges.emplace(id, Author(&directory, id)).first->second.Whole({});
  }
  Follower follower;
  PlaceSet truth;
  const auto erase_edge = [&](NodeId edge) {
    std::erase_if(truth, [edge](const auto& place) { return place.second == edge; });
  };
  for (int step = 0; step < 5000; ++step) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " step ", step));
    const NodeId id = 2 + rng() % 3;
    Author& edge = edges.at(id);
    const std::string user = absl::StrCat("user", rng() % 12);
    switch (rng() % 20) {
      case 0:
        directory.EdgeGone(id);
        edge.Restart();
        edge.Whole({});
        erase_edge(id);
        break;
      case 1:
        rng() % 2 == 0 ? edge.Restart() : edge.Skip();
        ASSERT_EQ(edge.Whole({{user, 1}}, /*more=*/true), Applied::kApplied);
        ASSERT_EQ(edge.WholeGoesOn({{"anybody", 1}}, /*more=*/false), Applied::kAnnounced);
        erase_edge(id);
        truth.insert({H(user), id});
        truth.insert({H("anybody"), id});
        break;
      default: {
        const uint32_t sessions = rng() % 3;
        ASSERT_EQ(edge.Change({{user, sessions}}), Applied::kApplied);
        if (sessions > 0) {
          truth.insert({H(user), id});
        } else {
          truth.erase({H(user), id});
        }
      }
    }
    ASSERT_EQ(directory.digests(), DigestsOf(truth));
    if (rng() % 3 == 0) continue;
    bool knows_all = false;
    while (const auto batch = directory.TakeBatch()) {
      knows_all = rng() % 4 != 0;
      if (!knows_all) continue;  // Lost.
      if (batch->position().sequence() == follower.position.sequence() + 1) {
        follower.Take(*batch);
      } else {
        follower.CatchUp(directory);
      }
    }
    if (!knows_all) continue;
    ASSERT_EQ(follower.places, truth);
  }
}

}  // namespace
}  // namespace convergia::mgmt
