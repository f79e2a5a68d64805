#pragma once

#include <memory>
#include <optional>

#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "tests/sim/network/event_queue.h"
#include "tests/sim/network/history.h"
#include "tests/sim/network/ledger.h"
#include "tests/sim/network/network.h"

namespace convergia::sim {

class Edge;
class Mgmt;

// A node's stored memory of mgmt's last messages, like node::MgmtMemory.
struct Memory {
  std::optional<v1::Edges> edges;
  std::optional<v1::Routes> routes;
};

// The running processes, for those that dial them.
class Hosts {
 public:
  virtual ~Hosts() = default;
  virtual std::shared_ptr<Edge> edge(NodeId node) = 0;  // Null: down.
  virtual std::shared_ptr<Mgmt> mgmt() = 0;
  virtual Memory& memory(NodeId node) = 0;
  // By the pins that mgmt gave out.
  virtual bool IsEdge(NodeId node) const = 0;

  // Events that a client sees: an order to go to another edge, and the end of its session.
  virtual void OnUseMainServer(SessionNumber /*session*/, NodeId /*to*/) {}
  virtual void OnSessionClosed(SessionNumber /*session*/) {}
};

// The parts of a world that every process gets.
struct Surroundings {
  EventQueue* events;
  Dice* dice;
  History* history;
  Ledger* ledger;
  Network* network;
  Hosts* hosts;
  uint64_t slow_check_one_in = 0;  // One in so many checks of messages answers later; 0: none.
};

inline constexpr NodeId kMgmtNode = 1;
inline constexpr NodeId kFirstEdge = 2;

}  // namespace convergia::sim
