#include "mgmt/assignment/drain_pacer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

std::vector<std::string> Users(int count) {
  std::vector<std::string> users;
  for (int i = 0; i < count; ++i) users.push_back(absl::StrCat("user", i));
  return users;
}

TEST(DrainPacerTest, SpreadsManyOverHalfTheTimeAndTellsEachOnce) {
  DrainPacer drainer;
  std::vector<std::string> users = Users(1'000);
  const absl::Duration within = absl::Seconds(20);
  size_t most_at_once = 0;
  std::map<std::string, int> told;
  absl::Duration now = absl::Seconds(100);
  const absl::Duration end = now + within;
  for (; now < end && !users.empty(); now += absl::Milliseconds(200)) {
    const auto tellings = drainer.Tick(1, users, end - now, now);
    most_at_once = std::max(most_at_once, tellings.size());
    for (const DrainPacer::Telling& telling : tellings) {
      ++told[telling.user];
      users.erase(std::find(users.begin(), users.end(), telling.user));  // It goes at once.
    }
  }
  EXPECT_TRUE(users.empty());
  EXPECT_LE(now, end - within / 4);
  EXPECT_LE(most_at_once, 100) << "a tenth of a second's worth would be 20";
  for (const auto& [user, times] : told) EXPECT_EQ(times, 1) << user;
}

TEST(DrainPacerTest, TellsThoseWhoStayAgainLaterAndCounts) {
  DrainPacer drainer;
  const std::vector<std::string> users = Users(2);
  std::vector<int> befores;
  for (absl::Duration now; now < absl::Seconds(14); now += absl::Milliseconds(200)) {
    for (const auto& telling : drainer.Tick(1, users, absl::Seconds(60), now)) {
      befores.push_back(telling.before);
    }
  }
  EXPECT_THAT(befores, testing::ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST(DrainPacerTest, NeverFloodsHoweverShortTheTime) {
  DrainPacer drainer;
  const std::vector<std::string> users = Users(100'000);
  size_t told = 0;
  for (absl::Duration now; now <= absl::Seconds(2); now += absl::Milliseconds(200)) {
    told += drainer.Tick(1, users, absl::Milliseconds(100), now).size();
  }
  EXPECT_LE(told, 2 * DrainPacer::kPerSecondMax + 1);
  EXPECT_GE(told, 1.9 * DrainPacer::kPerSecondMax);
  drainer.Forget(1);
  EXPECT_TRUE(drainer.edges().empty());
}

}  // namespace
}  // namespace convergia::mgmt
