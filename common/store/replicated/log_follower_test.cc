#include "common/store/replicated/log_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogFollowerTest : public testing::Test {
 protected:
  // Entries 1 to `count`, with the changes "1", "2", ...; `epochs` of them, the last for the rest.
  std::vector<LogEntry> MakeEntries(int count, std::vector<Epoch> epochs = {1}) {
    std::vector<LogEntry> entries;
    LogPosition at;
    for (Sequence sequence = 1; sequence <= static_cast<Sequence>(count); ++sequence) {
      const Epoch epoch = epochs[std::min<size_t>(sequence, epochs.size()) - 1];
      const Entry entry = {epoch, sequence, at.hash, absl::StrCat(sequence)};
      entries.push_back({sequence, codec_.Seal(entry, SecureRandomBytes(EntryCodec::kSaltBytes))});
      at = {sequence, EntryCodec::HashOf(entries.back().bytes)};
    }
    return entries;
  }

  const EntryCodec codec_{std::string(32, 's'), std::string(kLogIdBytes, 'i')};
  LogFollower follower_{&codec_, {codec_.log_id(), 0, {}}};
};

TEST_F(LogFollowerTest, EntriesAreAppliedOnceAndInOrderHoweverTheyCome) {
  const std::vector<LogEntry> e = MakeEntries(4);
  ASSERT_OK_AND_ASSIGN(auto actions, follower_.OnEntries({e[1], e[0], e[0]}));
  EXPECT_THAT(actions.apply, ElementsAre("1", "2"));
  EXPECT_FALSE(actions.list);
  ASSERT_OK_AND_ASSIGN(actions, follower_.OnEntries({e[0], e[1]}));
  EXPECT_THAT(actions.apply, IsEmpty());
  ASSERT_OK_AND_ASSIGN(actions, follower_.OnEntries({e[3], e[1], e[2]}));
  EXPECT_THAT(actions.apply, ElementsAre("3", "4"));
  EXPECT_EQ(follower_.next(), 5);
  EXPECT_EQ(follower_.mark().position.hash, EntryCodec::HashOf(e[3].bytes));
}

TEST_F(LogFollowerTest, AGapMeansListAgain) {
  const std::vector<LogEntry> e = MakeEntries(4);
  ASSERT_OK_AND_ASSIGN(auto actions, follower_.OnEntries({e[0], e[2], e[3]}));
  EXPECT_THAT(actions.apply, ElementsAre("1"));
  EXPECT_TRUE(actions.list);
  EXPECT_EQ(follower_.next(), 2);
  ASSERT_OK_AND_ASSIGN(actions, follower_.OnEntries({e[1], e[2], e[3]}));
  EXPECT_THAT(actions.apply, ElementsAre("2", "3", "4"));
  EXPECT_FALSE(actions.list);
}

TEST_F(LogFollowerTest, AnEntryThatDoesNotContinueTheLogIsRefusedAndNothingIsTaken) {
  const std::vector<LogEntry> mine = MakeEntries(3), others = MakeEntries(3);
  EXPECT_THAT(follower_.OnEntries({mine[0], others[1]}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(follower_.next(), 1);
  // An entry under another number.
  EXPECT_FALSE(follower_.OnEntries({{1, mine[1].bytes}}).ok());
  EXPECT_FALSE(follower_.OnEntries({{1, "bytes"}}).ok());
  EXPECT_OK(follower_.OnEntries(mine));
}

TEST_F(LogFollowerTest, EpochsNeverFall) {
  EXPECT_OK(LogFollower(follower_).OnEntries(MakeEntries(4, {1, 1, 2, 5})));
  EXPECT_THAT(follower_.OnEntries(MakeEntries(3, {1, 3, 2})),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(LogFollowerTest, AFinalHeadIsReachedNotYetReachedOrOfAnotherHistory) {
  const std::vector<LogEntry> e = MakeEntries(3);
  const LogPosition second = {2, EntryCodec::HashOf(e[1].bytes)};
  EXPECT_TRUE(follower_.HasReached({}).value());
  EXPECT_FALSE(follower_.HasReached(second).value());
  ASSERT_OK(follower_.OnEntries({e[0], e[1]}));
  EXPECT_TRUE(follower_.HasReached(second).value());
  EXPECT_THAT(follower_.HasReached({2, std::string(kLogHashBytes, 'x')}),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(follower_.HasReached({}), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace convergia::store
