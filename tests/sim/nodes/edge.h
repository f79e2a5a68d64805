#pragma once

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "edge/directory/directory.h"
#include "edge/directory/location_exchange.h"
#include "edge/relay/switchboard.h"
#include "tests/sim/nodes/edge_attach.h"
#include "tests/sim/nodes/edge_clients.h"
#include "tests/sim/nodes/edge_links.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// One start of an edge: its real cores, with shells of the simulation. The real shells have
// threads, these have events; both pass the same inputs to the same cores.
class Edge : public std::enable_shared_from_this<Edge> {
 public:
  Edge(const Surroundings& around, NodeId node, Epoch epoch,
       const edge::Switchboard::Options& options);

  void Start();

  NodeId node() const { return node_; }
  Epoch epoch() const { return epoch_; }
  edge::Directory& directory() { return directory_; }
  edge::LocationExchange& exchange() { return exchange_; }
  edge::Switchboard& switchboard() { return switchboard_; }
  EdgeLinks& links() { return links_; }
  EdgeClients& clients() { return clients_; }
  EdgeAttach& attach() { return attach_; }

  // Carries out the actions of the exchange, after any call of it.
  void CarryOutLocations();

  // Carries out the actions of the switchboard soon, after any call of it.
  void Kick();

  // Wraps `fn` so that it does nothing after the end of this start.
  template <typename Fn>
  auto Guard(Fn fn) {
    return [self = weak_from_this(), fn = std::move(fn)](auto&&... args) mutable {
      if (const auto alive = self.lock()) fn(std::forward<decltype(args)>(args)...);
    };
  }

 private:
  void Tick();
  void Work();
  void CarryOut(edge::Switchboard::Output output);
  void CheckBounds();

  const Surroundings around_;
  const NodeId node_;
  const Epoch epoch_;
  const edge::Switchboard::Options options_;
  edge::Directory directory_;
  edge::LocationExchange exchange_;
  absl::Duration next_exchange_tick_;
  edge::Switchboard switchboard_;
  EdgeLinks links_;
  EdgeClients clients_;
  EdgeAttach attach_;
  absl::Duration next_traffic_;
  bool kicked_ = false;
  uint64_t turns_ = 0;
};

}  // namespace convergia::sim
