#include "mgmt/assignment/rebalancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RebalancerTest : public testing::Test, public PlacesView {
 protected:
  RebalancerTest() { graph_.Add("x", "y", 1, now_); }

  Homes HomesOf(const std::string& user) const override {
    const auto found = homes_.find(user);
    return found == homes_.end() ? Homes() : found->second;
  }
  std::vector<std::string> UsersOn(NodeId edge) const override {
    std::vector<std::string> users;
    for (const auto& [user, homes] : homes_) {
      if (homes == Homes{edge}) users.push_back(user);
    }
    return users;
  }
  const Reachability::Reach* ReachOf(const std::string& user) const override {
    return reach_.Find(user);
  }
  double CostOf(NodeId from, NodeId to) const override { return from == to ? 0 : 1; }

  void SignIn(const std::string& user, NodeId edge,
              const std::vector<Probe>& reached = {{1, 500}, {2, 500}, {3, 500}}) {
    homes_[user] = {edge};
    reach_.Put(user, {reached, {}});
  }
  void Talk(const std::string& a, const std::string& b, double bytes = 100'000) {
    graph_.Add(a, b, bytes, now_);
  }
  // "user from>to".
  std::vector<std::string> Propose(const std::vector<EdgeLoad>& edges, bool go = false) {
    now_ += absl::Seconds(1);
    std::vector<std::string> moves;
    for (const Rebalancer::Move& move : rebalancer_.Propose(graph_, *this, edges, now_)) {
      moves.push_back(absl::StrCat(move.user, " ", move.from, ">", move.to));
      if (go) homes_[move.user] = {move.to};
    }
    return moves;
  }
  static std::vector<EdgeLoad> Edges(uint32_t one, uint32_t two, uint32_t three) {
    return {{1, one, true}, {2, two, true}, {3, three, true}};
  }

  absl::Duration now_ = absl::Hours(1);
  std::map<std::string, Homes> homes_;
  Reachability reach_;
  TrafficGraph graph_{{}};
  Rebalancer rebalancer_{{}};
};

TEST_F(RebalancerTest, BringsTwoTalkersTogetherAndLeavesThemThere) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  Talk("alice", "bob");
  EXPECT_THAT(Propose(Edges(1, 1, 0), /*go=*/true), SizeIs(1)) << "one goes, not both";
  EXPECT_EQ(homes_["alice"], homes_["bob"]);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(Propose(Edges(1, 1, 0)), IsEmpty());
  EXPECT_EQ(rebalancer_.counters().done, 1);
}

TEST_F(RebalancerTest, MovesNobodyForLittle) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  SignIn("carol", 1);
  Talk("alice", "bob", 900);  // Hardly anything.
  EXPECT_THAT(Propose(Edges(2, 1, 0)), IsEmpty());
  Talk("alice", "bob", 100'000);
  Talk("alice", "carol", 95'000);  // Nearly as much pulls the other way.
  Talk("bob", "bella", 500'000);
  SignIn("bella", 2);
  EXPECT_THAT(Propose(Edges(2, 2, 0)), IsEmpty());
}

TEST_F(RebalancerTest, SendsNobodyWhereItCannotGo) {
  struct Case {
    const char* why;
    std::vector<Probe> alice;
    std::vector<EdgeLoad> edges;
  };
  SignIn("bob", 2);
  reach_.Put("bob", {{{2, 1}}, {1, 3}});
  Talk("alice", "bob");
  for (const Case& c : std::vector<Case>{
           {"not reached", {{1, 500}, {3, 500}}, Edges(1, 1, 0)},
           {"too far", {{1, 500}, {2, 80'000}}, Edges(1, 1, 0)},
           {"suspect", {{1, 5}, {2, 5}}, {{1, 1, true}, {2, 1, false}}},
           {"drains", {{1, 5}, {2, 5}}, {{1, 1, true}, {2, 1, true, true}}},
           {"gone", {{1, 5}, {2, 5}}, {{1, 1, true}}},
           {"full", {{1, 5}, {2, 5}}, {{1, 100, true}, {2, 200, true}}},
           {"out of the office",
            {{1, 5}, {2, 5}},
            {{.id = 1, .sessions = 1, .alive = true, .walled = true}, {2, 1, true}}},
       }) {
    SignIn("alice", 1, c.alice);
    EXPECT_THAT(Propose(c.edges), IsEmpty()) << c.why;
  }
  SignIn("alice", 1, {{1, 500}, {2, 500}});
  EXPECT_THAT(Propose(Edges(1, 1, 0)), testing::ElementsAre("alice 1>2")) << "all is well";
}

TEST_F(RebalancerTest, WhoDoesNotGoIsCountedAndLeftInPeace) {
  SignIn("alice", 1);
  SignIn("bob", 2, {{2, 1}});
  Talk("alice", "bob");
  EXPECT_THAT(Propose(Edges(1, 1, 0)), SizeIs(1));
  for (int second = 0; second < 29 * 60; ++second) {
    ASSERT_THAT(Propose(Edges(1, 1, 0)), IsEmpty()) << second;
  }
  EXPECT_EQ(rebalancer_.counters().refused, 1);
  Talk("alice", "bob");
  now_ += absl::Minutes(2);
  EXPECT_THAT(Propose(Edges(1, 1, 0)), SizeIs(1)) << "it has rested";
}

TEST_F(RebalancerTest, NeverMoreThanAllowedInAnyMinute) {
  for (int i = 0; i < 1'000; ++i) {
    SignIn(absl::StrCat("a", i), 1);
    SignIn(absl::StrCat("b", i), 2 + i % 2);
    Talk(absl::StrCat("a", i), absl::StrCat("b", i));
  }
  std::deque<absl::Duration> minute;
  size_t moves = 0;
  for (int second = 0; second < 300; ++second) {
    const size_t count = Propose(Edges(1'000, 500, 500), /*go=*/true).size();
    moves += count;
    minute.insert(minute.end(), count, now_);
    while (now_ - minute.front() >= absl::Minutes(1)) minute.pop_front();
    ASSERT_LE(minute.size(), 60);
  }
  EXPECT_GE(moves, 240) << "it did not use what it may";
}

TEST_F(RebalancerTest, FullEdgesExchangeOneForOne) {
  SignIn("alice", 1);
  SignIn("bob", 2);
  SignIn("anna", 1, {{1, 1}});  // Alice's friend stays on 2, Bob's on 1.
  SignIn("bert", 2, {{2, 1}});
  Talk("alice", "bert");
  Talk("bob", "anna");
  // Of 100 there may be 130 here: 3 edges at 130, 130 and 40 leave room for one alone.
  const std::vector<EdgeLoad> edges = {{1, 129, true}, {2, 129, true}, {3, 42, true}};
  std::vector<std::string> moves;
  for (int i = 0; i < 10; ++i) {
    for (std::string& move : Propose(edges, /*go=*/true)) moves.push_back(std::move(move));
  }
  EXPECT_EQ(moves.size(), 2);
  EXPECT_EQ(homes_["alice"], homes_["bert"]);
  EXPECT_EQ(homes_["bob"], homes_["anna"]);
}

TEST_F(RebalancerTest, AnEdgeOverTheBoundShedsThoseWhoLoseLeast) {
  for (int i = 0; i < 10; ++i) {
    SignIn(absl::StrCat("tied", i), 1);
    SignIn(absl::StrCat("friend", i), 1);
    Talk(absl::StrCat("tied", i), absl::StrCat("friend", i), 1'000'000);
    SignIn(absl::StrCat("loose", i), 1);
    SignIn(absl::StrCat("distant", i), 3);
    Talk(absl::StrCat("loose", i), absl::StrCat("distant", i), 900);
  }
  // 40 % more than the mean, and a new, empty edge.
  std::vector<std::string> moves = Propose({{1, 150, true}, {2, 0, true}, {3, 150, true}});
  ASSERT_FALSE(moves.empty());
  for (const std::string& move : moves) {
    EXPECT_TRUE(move.find("tied") == std::string::npos && move.find("friend") == std::string::npos)
        << move;
    EXPECT_NE(move.find(">2"), std::string::npos) << move;
  }
}

// As the directory counts them.
class IdleTest : public RebalancerTest {
 protected:
  std::vector<EdgeLoad> Count() const {
    std::vector<EdgeLoad> edges = Edges(0, 0, 0);
    for (EdgeLoad& edge : edges) edge.sessions = static_cast<uint32_t>(UsersOn(edge.id).size());
    return edges;
  }
};

TEST_F(IdleTest, AnEdgeOverTheBoundShedsThoseWhoTalkWithNobodyUntilItIsNot) {
  for (int i = 0; i < 300; ++i) SignIn(absl::StrCat("idle", i), 1 + i % 2);
  for (int i = 0; i < 10; ++i) {
    SignIn(absl::StrCat("a", i), 1);
    SignIn(absl::StrCat("b", i), 1);
    Talk(absl::StrCat("a", i), absl::StrCat("b", i));
  }
  const double bound = 1.1 * 320 / 3 + 20;
  for (int second = 0; second < 600; ++second) {
    for (const std::string& move : Propose(Count(), /*go=*/true)) {
      EXPECT_NE(move.find("idle"), std::string::npos) << move;
      EXPECT_NE(move.find(">3"), std::string::npos) << move;
    }
  }
  EXPECT_LE(Count()[0].sessions, bound);
  EXPECT_LE(Count()[1].sessions, bound);
  EXPECT_GE(Count()[0].sessions, bound - 1) << "more went than had to";
}

TEST_F(IdleTest, NobodyIsShedToWhereTheyCannotGo) {
  for (int i = 0; i < 100; ++i) {
    const std::string name = absl::StrCat("idle", i);
    homes_[name] = {1};
    if (i % 2 == 0) continue;  // They never said what they reach.
    reach_.Put(name, {{{1, 500}}, {3}});
  }
  std::set<std::string> shed;
  for (int second = 0; second < 300; ++second) {
    for (std::string& move : Propose({{1, 100, true}, {3, 0, true}})) shed.insert(move);
  }
  EXPECT_THAT(shed, testing::Not(IsEmpty()));
  for (const std::string& move : shed) {
    const int number = std::stoi(move.substr(4));
    EXPECT_EQ(number % 2, 0) << move;
  }
  const std::vector<EdgeLoad> walled = {{1, 100, true},
                                        {.id = 3, .sessions = 0, .alive = true, .walled = true}};
  now_ += absl::Hours(20);
  EXPECT_THAT(Propose(walled), IsEmpty());
}

TEST_F(RebalancerTest, NoneAllowedMeansNone) {
  Rebalancer none({.moves_per_minute = 0});
  SignIn("alice", 1);
  SignIn("bob", 2);
  Talk("alice", "bob");
  EXPECT_THAT(none.Propose(graph_, *this, Edges(1, 1, 0), now_), IsEmpty());
}

}  // namespace
}  // namespace convergia::mgmt
