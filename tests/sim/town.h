#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/edge.h"
#include "tests/sim/mgmt.h"
#include "tests/sim/resident.h"
#include "tests/sim/world_parts.h"

namespace convergia::sim {

struct TownPlan {
  uint64_t seed = 0;
  int edges = 4;
  int residents = 80;
  int community = 8;  // So many talk mostly with one another.
  absl::Duration time = absl::Minutes(10);
  absl::Duration drain_within = absl::Seconds(30);
  bool has_trouble = false;  // Links are cut and held, and mgmt restarts.
  mgmt::Rebalancer::Options rebalancing;

  static TownPlan Draw(uint64_t seed);
};

// A cluster whose clients go where mgmt sends them: they are assigned, brought together while they
// talk, and one edge is drained under load. Everything that they are promised is checked at each
// step; and that mgmt never moves more of them than it may, that they come to rest, that nobody is
// left on the drained edge when its time is over, and no edge has more than its share.
class Town final : public Hosts {
 public:
  explicit Town(const TownPlan& plan);
  ~Town() override;

  void Run();

  const History& history() const { return history_; }
  const Ledger::Counts& counts() const { return ledger_.counts(); }
  struct Outcome {
    double first_across = 0;  // Of the messages of the first minute, those that crossed edges.
    double last_across = 0;   // Of the last.
    uint64_t moves = 0;       // To bring people together, or away from where too many are.
    uint64_t last_moves = 0;  // Of these, in the last third of the time.
    uint64_t drain_moves = 0;
  };
  const Outcome& outcome() const { return outcome_; }

  std::shared_ptr<Edge> edge(NodeId node) override {
    return IsEdge(node) ? edges_[node - kFirstEdge] : nullptr;
  }
  std::shared_ptr<Mgmt> mgmt() override { return mgmt_; }
  Memory& memory(NodeId node) override { return memories_[node]; }
  bool IsEdge(NodeId node) const override {
    return node >= kFirstEdge && node < kFirstEdge + edges_.size();
  }
  void OnUseMainServer(SessionNumber session, NodeId to) override;
  void OnSessionClosed(SessionNumber session) override;

 private:
  Surroundings Everything() { return {&events_, &dice_, &history_, &ledger_, &network_, this}; }
  Resident* ResidentOf(SessionNumber session);
  void Pass(absl::Duration time);
  void Settle();
  void StartMgmt();
  void TalkAgain(Resident* resident);
  void Trouble();
  void Drain(NodeId node);
  void WatchMoves();
  double ShareAcross(MessageNumber from) const;
  void CheckAtTheEnd();
  void CheckMessages();
  void CheckShares();

  const TownPlan plan_;
  EventQueue events_;
  Dice dice_;
  History history_;
  Network network_;
  Ledger ledger_;
  std::vector<std::shared_ptr<Edge>> edges_;
  std::map<NodeId, Memory> memories_;
  std::shared_ptr<Mgmt> mgmt_;
  Epoch mgmt_epoch_ = 0;
  Mgmt::Registry registry_;
  std::vector<std::unique_ptr<Resident>> residents_;
  std::map<std::string, Resident*> by_name_;
  bool is_calm_ = false;
  bool is_quiet_ = false;  // Nobody talks any more.

  uint64_t moves_before_ = 0;  // Proposed by mgmt's earlier starts.
  uint64_t drain_moves_before_ = 0;
  std::deque<std::pair<absl::Duration, uint64_t>> moves_seen_;  // Of the last minute.
  std::map<MessageNumber, bool> crossed_;
  Outcome outcome_;
};

}  // namespace convergia::sim
