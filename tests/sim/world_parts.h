#pragma once

#include <memory>

#include "common/base/ids.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/history.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"

namespace convergia::sim {

class Edge;
class Mgmt;

// The processes that live at the moment, as those who dial find them.
class Hosts {
 public:
  virtual ~Hosts() = default;
  virtual std::shared_ptr<Edge> edge(NodeId node) = 0;  // Null: down.
  virtual std::shared_ptr<Mgmt> mgmt() = 0;
};

// What every process of a world is given.
struct Surroundings {
  EventQueue* events;
  Dice* dice;
  History* history;
  Ledger* ledger;
  Network* network;
  Hosts* hosts;
};

inline constexpr NodeId kMgmtNode = 1;
inline constexpr NodeId kFirstEdge = 2;

}  // namespace convergia::sim
