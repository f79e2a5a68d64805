#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "edge/relay/switchboard.h"
#include "tests/sim/nodes/edge.h"
#include "tests/sim/nodes/mgmt.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// The presence of mgmt during the troubles.
enum class MgmtStays {
  kMostly,     // It dies and comes back.
  kUntilSome,  // It dies at some step, for good.
  kForSignIn,  // It dies after all users have signed in, and comes back in the calm.
  kAway,       // Likewise, but never comes back.
};

// The size of a world and its troubles. Draw() makes a plan from a seed, with all kinds in turn.
struct WorldPlan {
  uint64_t seed = 0;
  int edges = 3;
  int users = 8;
  int steps = 200;
  absl::Duration step_max = absl::Milliseconds(300);
  bool has_rogue = false;   // The first edge sends wrong messages, and no user signs in there.
  int walled_for_good = 0;  // The number of edges that nobody can ever dial: the last ones.

  // The number of steps of each kind in a hundred; the others are messages.
  int moves = 15;
  int cuts = 3;
  int holds = 2;
  int shuts = 2;
  int walls = 1;
  int edge_deaths = 2;
  int mgmt_deaths = 1;
  int slow_readers = 2;
  MgmtStays mgmt_stays = MgmtStays::kMostly;

  uint64_t slow_check_one_in = 0;  // One in so many checks of messages answers later; 0: none.

  // Only this trouble: one link at a time is held, in one or both directions.
  bool one_silence = false;

  size_t history_lines_max = 400;

  static WorldPlan Draw(uint64_t seed);
  static WorldPlan DrawSilences(uint64_t seed);
};

// One world: edges, mgmt, users and the network between them. It has troubles for the planned
// number of steps, then calm and quiet. After that everything must be in its right state.
class World final : public Hosts {
 public:
  explicit World(const WorldPlan& plan);
  ~World() override;

  // Runs to the end, or to the first broken promise.
  void Run();

  const History& history() const { return history_; }
  const Ledger::Counts& counts() const { return ledger_.counts(); }
  // Sums over all starts of all edges. Complete only if no promise was broken.
  struct Traffic {
    uint64_t forwarded = 0, came_back = 0, refused = 0;
  };
  const Traffic& traffic() const { return traffic_; }

  std::shared_ptr<Edge> edge(NodeId node) override { return SlotOf(node).edge; }
  std::shared_ptr<Mgmt> mgmt() override { return mgmt_; }
  Memory& memory(NodeId node) override { return SlotOf(node).memory; }
  bool IsEdge(NodeId node) const override {
    return node >= kFirstEdge && node < kFirstEdge + slots_.size();
  }

 private:
  struct Slot {
    NodeId node = 0;
    Epoch epoch = 0;
    std::shared_ptr<Edge> edge;  // Null while it is down.
    Memory memory;
  };
  struct Person {
    std::string name;
    bool moves_only = false;
    std::vector<std::pair<NodeId, SessionNumber>> sessions;
  };

  Slot& SlotOf(NodeId node) { return slots_[node - kFirstEdge]; }
  Surroundings Everything() {
    return {&events_, &dice_, &history_, &ledger_, &network_, this, plan_.slow_check_one_in};
  }
  void Pass(absl::Duration time);
  void StartEdge(Slot& slot);
  void KillEdge(Slot& slot);
  void Annoy();  // The rogue sends wrong messages, repeatedly.
  void SignInAll();
  void StartMgmt();
  void KillMgmt();
  std::vector<Slot*> Living();
  Slot* AnyForClients();  // Null if all are down.

  // The kinds of steps.
  void Step();
  void SendSome();
  void SignInOrMove();
  void SignOut(Person& person);
  void TroublePath(Network::Path path);
  void CutPath();
  void ToggleWall();
  void EdgeDies();
  void MgmtDies();
  void ToggleSlow();
  NodeId AnyNode();

  // The checks at the end.
  // All living edges, or a sample of many.
  std::vector<Slot*> Sample();
  void Calm();
  void CheckLinks();
  void CheckDirectories();
  void CheckRoutes();
  std::string WhatIsWrongWithRoutes();
  // The edges that are connected with this one by links, over any number of hops.
  std::set<NodeId> Around(NodeId node);
  // Whether messages must get through. Without mgmt, routes from earlier plots count too.
  bool HasWay(Edge& from, NodeId to);
  void CheckEverybodyTalks();
  void CollectTraffic(Edge& edge);

  const WorldPlan plan_;
  const edge::Switchboard::Options options_;
  EventQueue events_;
  Dice dice_;
  History history_;
  Network network_;
  Ledger ledger_;
  std::vector<Slot> slots_;
  std::shared_ptr<Mgmt> mgmt_;
  Epoch mgmt_epoch_ = 0;
  std::vector<Person> people_;
  bool is_calm_ = false;
  bool is_silent_ = false;     // A path is held.
  bool mgmt_is_gone_ = false;  // For good, or until the calm.
  Traffic traffic_;
};

}  // namespace convergia::sim
