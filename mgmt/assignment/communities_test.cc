// Ten thousand people in communities, on ten edges, for hours: do those who talk come together, by
// what they say alone, slowly, and do they then stay?
#include <algorithm>
#include <cstdint>
#include <deque>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "gtest/gtest.h"
#include "mgmt/assignment/rebalancer.h"

namespace convergia::mgmt {
namespace {

constexpr int kUsers = 10'000;
constexpr int kEdges = 10;
constexpr int kFriends = 10;
constexpr int kMovesPerMinute = 200;
constexpr double kMixing = 0.15;  // Of friends, from anywhere.
constexpr double kMessageBytes = 200;
constexpr absl::Duration kStep = absl::Seconds(20);

struct Person {
  std::string name;
  int community = 0;
  std::vector<int> friends;
  NodeId home = 0;        // As the rebalancer has it.
  NodeId first_home = 0;  // As least-connections has it.
  Reachability::Reach reach;
  std::set<NodeId> seen;  // Where it was, home among them.
};

class World final : public PlacesView {
 public:
  explicit World(uint64_t seed) : rng_(seed) {
    MakePeople();
    MakeFriends();
    for (const Person& person : people_) by_name_[person.name] = &person;
  }

  Homes HomesOf(const std::string& user) const override { return {by_name_.at(user)->home}; }
  std::vector<std::string> UsersOn(NodeId edge) const override {
    std::vector<std::string> users;
    for (const Person& person : people_) {
      if (person.home == edge) users.push_back(person.name);
    }
    return users;
  }
  const Reachability::Reach* ReachOf(const std::string& user) const override {
    return &by_name_.at(user)->reach;
  }
  double CostOf(NodeId from, NodeId to) const override { return from == to ? 0 : 1; }

  // Sends one step's messages. Each person knows whom to write to; nobody knows of communities.
  void Talk(TrafficGraph* graph, absl::Duration now) {
    std::bernoulli_distribution talks(absl::FDivDuration(kStep, absl::Minutes(1)) * 3);
    for (const Person& person : people_) {
      if (!talks(rng_)) continue;
      const Person& peer = people_[person.friends[rng_() % person.friends.size()]];
      graph->Add(person.name, peer.name, kMessageBytes, now);
      ++messages_;
      crossed_ += person.home != peer.home;
      crossed_first_ += person.first_home != peer.first_home;
    }
  }

  // Clients go where they are sent within a step, but for some who never do.
  void Carry(const std::vector<Rebalancer::Move>& moves) {
    for (const Rebalancer::Move& move : moves) {
      ASSERT_EQ(by_name_.at(move.user)->home, move.from);
      Person& person = people_[by_name_.at(move.user) - people_.data()];
      if (rng_() % 50 == 0) continue;
      person.home = move.to;
      returns_ += !person.seen.insert(move.to).second;
    }
  }

  std::vector<EdgeLoad> Loads() const {
    std::vector<EdgeLoad> loads(kEdges);
    for (int i = 0; i < kEdges; ++i) loads[i] = {.id = NodeId(i + 1), .alive = true};
    for (const Person& person : people_) ++loads[person.home - 1].sessions;
    return loads;
  }

  // Moves to where the user had been before, since the last call.
  int TakeReturns() { return std::exchange(returns_, 0); }

  struct Shares {
    double now = 0;
    double first = 0;
  };
  // Of the messages since the last call, those that crossed edges.
  Shares TakeShares() {
    const Shares shares{crossed_ / messages_, crossed_first_ / messages_};
    messages_ = crossed_ = crossed_first_ = 0;
    return shares;
  }

 private:
  void MakePeople() {
    people_.resize(kUsers);
    std::vector<int> order(kUsers);
    for (int i = 0; i < kUsers; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), rng_);  // Of arrival.
    int community = 0, left = 0;
    for (int i = 0; i < kUsers; ++i) {
      if (left-- == 0) {
        left = 19 + static_cast<int>(rng_() % 181);
        members_.emplace_back();
        community = static_cast<int>(members_.size()) - 1;
      }
      Person& person = people_[i];
      person.name = absl::StrCat("user", i);
      person.community = community;
      members_[community].push_back(i);
      person.home = person.first_home = order[i] % kEdges + 1;
      person.seen = {person.home};
      for (NodeId edge = 1; edge <= kEdges; ++edge) {
        person.reach.reached.push_back({edge, static_cast<uint32_t>(300 + rng_() % 2'000)});
      }
    }
  }

  void MakeFriends() {
    std::bernoulli_distribution mixes(kMixing);
    for (int i = 0; i < kUsers; ++i) {
      Person& person = people_[i];
      const std::vector<int>& near = members_[person.community];
      while (person.friends.size() < kFriends) {
        const int peer =
            mixes(rng_) ? static_cast<int>(rng_() % kUsers) : near[rng_() % near.size()];
        if (peer != i) person.friends.push_back(peer);
      }
    }
  }

  Rng rng_;
  std::vector<Person> people_;
  std::vector<std::vector<int>> members_;
  absl::flat_hash_map<std::string, const Person*> by_name_;
  int returns_ = 0;
  double messages_ = 0, crossed_ = 0, crossed_first_ = 0;
};

class CommunitiesTest : public testing::TestWithParam<uint64_t> {};

TEST_P(CommunitiesTest, TrafficAloneBringsThemTogetherAndThenTheyStay) {
  constexpr int kHours = 5;
  World world(GetParam());
  TrafficGraph graph({});
  Rebalancer rebalancer({.moves_per_minute = kMovesPerMinute, .examined_max = 1'000});
  std::deque<absl::Duration> minute;
  World::Shares shares;
  int moves_of_hour = 0, back = 0;
  absl::Duration now;
  for (int hour = 1; hour <= kHours; ++hour) {
    moves_of_hour = 0;
    world.TakeShares();
    for (; now < absl::Hours(hour); now += kStep) {
      world.Talk(&graph, now);
      graph.Sweep(now);
      const auto moves = rebalancer.Propose(graph, world, world.Loads(), now);
      world.Carry(moves);
      moves_of_hour += static_cast<int>(moves.size());
      minute.insert(minute.end(), moves.size(), now);
      while (!minute.empty() && now - minute.front() >= absl::Minutes(1)) minute.pop_front();
      ASSERT_LE(minute.size(), kMovesPerMinute);
      for (const EdgeLoad& edge : world.Loads()) {
        ASSERT_LE(edge.sessions, 1.1 * kUsers / kEdges + 20) << edge.id;
      }
    }
    shares = world.TakeShares();
    back = world.TakeReturns();
    std::cout << "seed " << GetParam() << " hour " << hour << ": " << shares.now
              << " of messages cross edges, least-connections " << shares.first << ", "
              << moves_of_hour << " moves, " << back << " of them back" << std::endl;
  }
  EXPECT_LE(shares.now, shares.first / 2);
  EXPECT_LE(moves_of_hour, kUsers / 20) << "they do not come to rest";
  EXPECT_LE(back, kUsers / 200) << "they go to and fro";
}

INSTANTIATE_TEST_SUITE_P(Seeds, CommunitiesTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace convergia::mgmt
