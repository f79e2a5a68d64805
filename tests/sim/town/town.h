#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/nodes/edge.h"
#include "tests/sim/nodes/mgmt.h"
#include "tests/sim/nodes/world_parts.h"
#include "tests/sim/town/resident.h"

namespace convergia::sim {

struct TownPlan {
  uint64_t seed = 0;
  int edges = 4;
  int residents = 80;
  int community = 8;  // The number of residents who talk mostly with each other.
  absl::Duration time = absl::Minutes(10);
  absl::Duration drain_within = absl::Seconds(30);
  bool has_trouble = false;  // Links are cut and held, and mgmt restarts.
  mgmt::Rebalancer::Options rebalancing;

  static TownPlan Draw(uint64_t seed);
};

// A cluster whose clients follow mgmt: it assigns them, moves them nearer to their peers while they
// talk, and drains one edge under load. Every promise to them is checked at each step. Further
// checks: mgmt never makes more moves than allowed; the moves come to rest. After the drain no
// client is left on that edge, and no edge has more than its share.
class Town final : public Hosts {
 public:
  explicit Town(const TownPlan& plan);
  ~Town() override;

  void Run();

  const History& history() const { return history_; }
  const Ledger::Counts& counts() const { return ledger_.counts(); }
  struct Outcome {
    double first_across = 0;  // The share of the first minute's messages that crossed edges.
    double last_across = 0;   // The share of the last minute.
    uint64_t moves = 0;       // Moves for nearness or balance.
    uint64_t last_moves = 0;  // Of these, the moves in the last third of the time.
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
  bool is_quiet_ = false;  // The residents have stopped talking.

  uint64_t moves_before_ = 0;  // Proposed by earlier starts of mgmt.
  uint64_t drain_moves_before_ = 0;
  std::deque<std::pair<absl::Duration, uint64_t>> moves_seen_;  // Of the last minute.
  std::map<MessageNumber, bool> crossed_;
  Outcome outcome_;
};

}  // namespace convergia::sim
