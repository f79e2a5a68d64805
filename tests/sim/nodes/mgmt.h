#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "mgmt/cluster/cluster.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// One start of mgmt: its real core. It stands in for mgmt::ClusterLoop and mgmt::ClusterService.
class Mgmt : public std::enable_shared_from_this<Mgmt> {
 public:
  // The part of mgmt::NodeRegistry that survives a restart.
  struct Registry {
    std::vector<NodeId> edges;                  // All enrolled edges.
    std::map<NodeId, absl::Duration> draining;  // The edges that drain, and their time for it.
  };
  Mgmt(const Surroundings& around, Epoch epoch, Registry registry,
       const mgmt::Rebalancer::Options& rebalancing = {});

  void Start();

  // Returns the number of an edge's new stream. Accept() takes the stream itself.
  mgmt::StreamId NextStream();
  void Accept(mgmt::StreamId stream, NodeId node, WireId wire, std::weak_ptr<Edge> edge);
  void OnMessage(mgmt::StreamId stream, const v1::FromNode& message);
  void OnClosed(mgmt::StreamId stream);

  // REPORTMAINSERVERS: the edges for a client that reached these, best first.
  std::vector<NodeId> Assign(const std::string& user, const std::vector<mgmt::Probe>& reached);
  // An operator has changed the registry.
  void SetRegistry(Registry registry);

  const mgmt::ClusterState& state() const { return cluster_.state(); }

  // Wraps `fn` so that it does nothing after the end of this start.
  template <typename Fn>
  auto Guard(Fn fn) {
    return [self = weak_from_this(), fn = std::move(fn)](auto&&... args) mutable {
      if (const auto alive = self.lock()) fn(std::forward<decltype(args)>(args)...);
    };
  }

 private:
  struct Stream {
    NodeId node = 0;
    WireId wire = 0;
    std::weak_ptr<Edge> edge;
    bool greeted = false;
  };

  void Tick();
  void Kick();
  void Flush();
  void Tell(mgmt::StreamId stream, std::shared_ptr<const v1::ToNode> message);
  void Refuse(mgmt::StreamId stream, const absl::Status& why);

  const Surroundings around_;
  const Epoch epoch_;
  Registry registry_;
  mgmt::Cluster cluster_;
  std::map<mgmt::StreamId, Stream> streams_;
  mgmt::StreamId last_stream_;
  bool kicked_ = false;
};

}  // namespace convergia::sim
