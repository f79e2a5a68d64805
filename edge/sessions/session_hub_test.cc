#include "edge/sessions/session_hub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "common/base/testing/status_testing.h"

namespace convergia::edge {
namespace {

using Hub = SessionHub<int>;
using Handles = absl::InlinedVector<int, 2>;

Username User(absl::string_view name) { return *Username::Parse(name); }

class SessionHubTest : public testing::Test {
 protected:
  // Sets the edges of `user` in the directory, and removes all others.
  void Place(absl::string_view user, std::vector<NodeId> edges) {
    const UserHash hash = HashOfUser(user);
    for (const NodeId edge : directory_.Find(user)) directory_.Erase(hash, edge);
    for (const NodeId edge : edges) directory_.Put(hash, edge);
  }

  Directory directory_;
  SessionHubTest() { hub_.set_self(1); }

  Hub hub_{&directory_, /*sessions_per_user_max=*/3};
};

TEST_F(SessionHubTest, FindsAllSessionsOfAUser) {
  ASSERT_OK(hub_.Add(User("alice"), 7, 100, 1));
  ASSERT_OK(hub_.Add(User("alice"), 7, 101, 2));
  EXPECT_EQ(hub_.Find("alice").sessions, Handles({1, 2}));
  EXPECT_EQ(hub_.FindHere("alice"), Handles({1, 2}));
  EXPECT_TRUE(hub_.Find("bob").sessions.empty());
  EXPECT_EQ(hub_.size(), 2);
  hub_.Remove(User("alice"), 100);
  EXPECT_EQ(hub_.Find("alice").sessions, Handles({2}));
}

TEST_F(SessionHubTest, KnowsTheOtherEdgesAndTheirChanges) {
  Place("alice", {1, 2});
  EXPECT_EQ(hub_.Find("alice").edges, Places({2}));
  ASSERT_OK(hub_.Add(User("alice"), 7, 100, 1));
  EXPECT_EQ(hub_.Find("alice").edges, Places({2}));
  EXPECT_EQ(hub_.Find("alice").edges, Places({2}));  // From the hub's own copy.
  Place("alice", {1, 3});
  EXPECT_EQ(hub_.Find("alice").edges, Places({3}));
  Place("alice", {1});
  EXPECT_TRUE(hub_.Find("alice").edges.empty());
}

TEST_F(SessionHubTest, RefusesMoreSessionsThanAUserMayHave) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(hub_.Add(User("alice"), 7, i, i));
  EXPECT_EQ(FailCodeOf(hub_.Add(User("alice"), 7, 3, 3)), FailCode::kBusy);
  ASSERT_OK(hub_.Add(User("bob"), 8, 4, 4));
  hub_.Remove(User("alice"), 0);
  EXPECT_OK(hub_.Add(User("alice"), 7, 5, 5));
}

TEST_F(SessionHubTest, TellsWhoCameAndLeftOnceAndAsItIsNow) {
  ASSERT_OK(hub_.Add(User("alice"), 7, 1, 1));
  ASSERT_OK(hub_.Add(User("bob"), 8, 2, 2));
  hub_.Remove(User("bob"), 2);
  std::map<std::string, uint32_t> changes;
  for (const Hub::Count& count : hub_.TakeChanges()) changes[count.user] = count.sessions;
  EXPECT_EQ(changes, (std::map<std::string, uint32_t>{{"alice", 1}, {"bob", 0}}));
  EXPECT_TRUE(hub_.TakeChanges().empty());
  ASSERT_OK(hub_.Add(User("alice"), 7, 3, 3));  // Already here, so there is no change for others.
  EXPECT_TRUE(hub_.TakeChanges().empty());
  const std::vector<Hub::Count> everyone = hub_.Everyone();
  ASSERT_EQ(everyone.size(), 1);
  EXPECT_EQ(everyone[0].account, 7);
  EXPECT_EQ(everyone[0].sessions, 2);
}

TEST_F(SessionHubTest, RemovingWhoIsNotThereChangesNothing) {
  hub_.Remove(User("alice"), 1);
  EXPECT_TRUE(hub_.TakeChanges().empty());
  EXPECT_EQ(hub_.size(), 0);
}

TEST_F(SessionHubTest, ManyThreadsComeAndGo) {
  Hub hub(&directory_, /*sessions_per_user_max=*/100);
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        ASSERT_OK(hub.Add(User("alice"), 7, t, t));
        found += hub.Find("alice").sessions.size();
        hub.Remove(User("alice"), t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(found, 8000);
  EXPECT_EQ(hub.size(), 0);
}

}  // namespace
}  // namespace convergia::edge
