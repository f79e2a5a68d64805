#pragma once

#include <memory>
#include <optional>

#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/history.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"

namespace convergia::sim {

class Edge;
class Mgmt;

// What a node keeps in its folder, as node::MgmtMemory does: what mgmt said last.
struct Memory {
  std::optional<v1::Edges> edges;
  std::optional<v1::Routes> routes;
};

// The processes that live at the moment, as those who dial find them.
class Hosts {
 public:
  virtual ~Hosts() = default;
  virtual std::shared_ptr<Edge> edge(NodeId node) = 0;  // Null: down.
  virtual std::shared_ptr<Mgmt> mgmt() = 0;
  virtual Memory& memory(NodeId node) = 0;
  // As the pins say that mgmt gave out.
  virtual bool IsEdge(NodeId node) const = 0;

  // What a client sees: it is to go elsewhere; the server has closed its session.
  virtual void OnUseMainServer(SessionNumber /*session*/, NodeId /*to*/) {}
  virtual void OnSessionClosed(SessionNumber /*session*/) {}
};

// What every process of a world is given.
struct Surroundings {
  EventQueue* events;
  Dice* dice;
  History* history;
  Ledger* ledger;
  Network* network;
  Hosts* hosts;
  uint64_t slow_check_one_in = 0;  // Of so many checks of messages one answers later; 0: none.
};

inline constexpr NodeId kMgmtNode = 1;
inline constexpr NodeId kFirstEdge = 2;

}  // namespace convergia::sim
