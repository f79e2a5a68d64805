#include "mgmt/cluster/directory.h"

#include <map>
#include <set>

#include "common/base/random.h"
#include "common/base/status_testing.h"

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

v1::LocationReport Report(bool whole, const std::map<std::string, uint32_t>& sessions) {
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

// What an edge makes of the batches.
class Follower {
 public:
  void Take(const v1::DirectoryBatch& batch) {
    if (batch.whole()) {
      if (!staging_) staged_.clear();
      staging_ = true;
    }
    auto& places = staging_ ? staged_ : places_;
    for (const v1::UserLocation& user : batch.users()) {
      places[user.username()] = {user.edges().begin(), user.edges().end()};
    }
    for (const NodeId edge : batch.edges_gone()) {
      for (auto& [user, edges] : places) edges.erase(edge);
    }
    if (staging_ && !batch.more()) {
      places_ = staged_;
      staging_ = false;
    }
    std::erase_if(places_, [](const auto& place) { return place.second.empty(); });
    position = batch.position();
  }
  const std::map<std::string, std::set<NodeId>>& places() const { return places_; }
  v1::DirectoryPosition position;

 private:
  bool staging_ = false;
  std::map<std::string, std::set<NodeId>> places_, staged_;
};

TEST(DirectoryTest, ManyChangesAreCutIntoBatchesThatCountUp) {
  Directory directory({.epoch = 7, .batch_users_max = 10});
  std::map<std::string, uint32_t> users;
  for (int i = 0; i < 25; ++i) users[absl::StrCat("u", i)] = 1;
  directory.Apply(1, Report(false, users));
  directory.EdgeGone(2);
  Follower follower;
  std::vector<std::string> changed;
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const auto batch = directory.TakeBatch(&changed);
    ASSERT_TRUE(batch.has_value());
    EXPECT_LE(batch->users_size(), 10);
    EXPECT_EQ(batch->position().sequence(), sequence);
    follower.Take(*batch);
  }
  EXPECT_FALSE(directory.TakeBatch(&changed).has_value());
  EXPECT_EQ(follower.places().size(), 25);
  EXPECT_EQ(changed.size(), 25);
  v1::DirectoryPosition first = follower.position;
  first.set_sequence(1);
  EXPECT_EQ(directory.Since(first).size(), 2);
}

TEST(DirectoryTest, ChangesComeOutAsOneBatchEach) {
  Directory directory({.epoch = 7});
  EXPECT_FALSE(directory.TakeBatch(nullptr).has_value());
  directory.Apply(2, Report(true, {{"ann", 1}, {"bob", 2}}));
  directory.Apply(3, Report(true, {{"ann", 1}}));
  std::vector<std::string> changed;
  const auto first = directory.TakeBatch(&changed);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->position().epoch(), 7);
  EXPECT_EQ(first->position().sequence(), 1);
  EXPECT_THAT(changed, UnorderedElementsAre("ann", "bob"));
  EXPECT_THAT(directory.EdgesOf("ann"), ElementsAre(2, 3));
  EXPECT_EQ(directory.AccountOf("ann"), 100);
  directory.Apply(2, Report(false, {{"ann", 0}, {"bob", 1}}));
  const auto second = directory.TakeBatch(nullptr);
  ASSERT_EQ(second->users_size(), 1);
  EXPECT_EQ(second->users(0).username(), "ann");
  EXPECT_THAT(second->users(0).edges(), ElementsAre(3));
  EXPECT_FALSE(directory.TakeBatch(nullptr).has_value());
  EXPECT_EQ(directory.users_online(), 2);
}

TEST(DirectoryTest, AWholeReplacesWithoutAnyoneFlickering) {
  Directory directory({.epoch = 7});
  directory.Apply(2, Report(true, {{"ann", 1}, {"bob", 1}, {"cat", 1}}));
  directory.TakeBatch(nullptr);
  directory.Apply(2, Report(true, {{"ann", 1}}));
  EXPECT_FALSE(directory.TakeBatch(nullptr).has_value());
  directory.Apply(2, Report(false, {{"cat", 1}, {"dan", 1}}));
  directory.EndOfWhole(2);
  std::vector<std::string> changed;
  directory.TakeBatch(&changed);
  EXPECT_THAT(changed, UnorderedElementsAre("bob", "dan"));
  EXPECT_THAT(directory.EdgesOf("bob"), IsEmpty());
  EXPECT_THAT(directory.EdgesOf("cat"), ElementsAre(2));
  directory.EndOfWhole(2);
  EXPECT_FALSE(directory.TakeBatch(nullptr).has_value());
}

TEST(DirectoryTest, TheDeathOfAnEdgeIsOneRecord) {
  Directory directory({.epoch = 7});
  for (int i = 0; i < 1000; ++i) {
    directory.Apply(2, Report(false, {{absl::StrCat("user", i), 1}}));
  }
  directory.Apply(3, Report(false, {{"user7", 1}}));
  directory.TakeBatch(nullptr);
  directory.EdgeGone(2);
  std::vector<std::string> changed;
  const auto batch = directory.TakeBatch(&changed);
  EXPECT_THAT(batch->users(), IsEmpty());
  EXPECT_THAT(batch->edges_gone(), ElementsAre(2));
  EXPECT_EQ(changed.size(), 1000);
  EXPECT_THAT(directory.EdgesOf("user7"), ElementsAre(3));
  EXPECT_EQ(directory.users_online(), 1);
}

TEST(DirectoryTest, BadNamesAreIgnored) {
  Directory directory({.epoch = 7});
  directory.Apply(2, Report(true, {{"", 1}, {"Ann", 1}, {"a b", 1}, {std::string(33, 'a'), 1}}));
  directory.Apply(2, Report(false, {{"nobody", 0}}));
  EXPECT_FALSE(directory.TakeBatch(nullptr).has_value());
  EXPECT_EQ(directory.users_online(), 0);
}

TEST(DirectoryTest, WhoMissedSomeGetsThemAndWhoMissedTooManyGetsTheWhole) {
  Directory directory({.epoch = 7, .history_entries_max = 6, .batch_users_max = 2});
  for (int i = 1; i <= 5; ++i) {
    directory.Apply(2, Report(false, {{absl::StrCat("user", i), 1}}));
    ASSERT_TRUE(directory.TakeBatch(nullptr).has_value());
  }
  const auto position = [](Epoch epoch, uint64_t sequence) {
    v1::DirectoryPosition position;
    position.set_epoch(epoch);
    position.set_sequence(sequence);
    return position;
  };
  EXPECT_THAT(directory.Since(position(7, 5)), IsEmpty());
  const auto missed = directory.Since(position(7, 3));
  ASSERT_EQ(missed.size(), 2);
  EXPECT_EQ(missed[0].position().sequence(), 4);
  for (const auto& p : {position(7, 0), position(6, 5), position(7, 6)}) {
    const auto whole = directory.Since(p);
    ASSERT_EQ(whole.size(), 3);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(whole[i].whole());
      EXPECT_EQ(whole[i].more(), i < 2);
      EXPECT_EQ(whole[i].position().sequence(), 5);
    }
  }
}

TEST(DirectoryTest, AnEmptyWholeIsStillOneBatch) {
  Directory directory({.epoch = 7});
  const auto whole = directory.Whole();
  ASSERT_EQ(whole.size(), 1);
  EXPECT_TRUE(whole[0].whole());
  EXPECT_FALSE(whole[0].more());
}

// Random sign-ins, deaths, re-announcements and lost batches: a follower that asks for what it
// missed always ends up with what the directory has.
TEST(DirectoryTest, FollowersConvergeWhateverIsLost) {
  const uint64_t seed = 991;
  Rng rng(seed);
  Directory directory({.epoch = 7, .history_entries_max = 40, .batch_users_max = 3});
  Follower follower;
  std::map<std::string, std::set<NodeId>> truth;
  for (int step = 0; step < 5000; ++step) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " step ", step));
    const NodeId edge = 2 + rng() % 3;
    const std::string user = absl::StrCat("user", rng() % 12);
    switch (rng() % 20) {
      case 0:
        directory.EdgeGone(edge);
        for (auto& [name, edges] : truth) edges.erase(edge);
        break;
      case 1:
        directory.Apply(edge, Report(true, {{user, 1}}));
        directory.EndOfWhole(edge);
        for (auto& [name, edges] : truth) edges.erase(edge);
        truth[user].insert(edge);
        break;
      default: {
        const uint32_t sessions = rng() % 3;
        directory.Apply(edge, Report(false, {{user, sessions}}));
        if (sessions > 0) {
          truth[user].insert(edge);
        } else {
          truth[user].erase(edge);
        }
      }
    }
    if (rng() % 3 == 0) continue;
    bool knows_all = false;
    while (const auto batch = directory.TakeBatch(nullptr)) {
      knows_all = rng() % 4 != 0;
      if (!knows_all) continue;  // Lost.
      if (batch->position().sequence() == follower.position.sequence() + 1) {
        follower.Take(*batch);
      } else {
        for (const auto& missed : directory.Since(follower.position)) follower.Take(missed);
      }
    }
    if (!knows_all) continue;
    std::erase_if(truth, [](const auto& place) { return place.second.empty(); });
    ASSERT_EQ(follower.places(), truth);
  }
}

}  // namespace
}  // namespace convergia::mgmt
