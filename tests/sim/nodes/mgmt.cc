#include "tests/sim/nodes/mgmt.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "common/store/testing/mem_store.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/views/cluster_queries.h"
#include "tests/sim/nodes/edge.h"

namespace convergia::sim {
namespace {

// No test watches the map, so accounts do not matter.
const mgmt::AccountStore& NoAccounts() {
  static auto* const store = new store::MemStore();
  static auto* const accounts = mgmt::AccountStore::Create(*store).value().release();
  return *accounts;
}

}  // namespace

Mgmt::Mgmt(const Surroundings& around, Epoch epoch, Registry registry,
           const mgmt::Rebalancer::Options& rebalancing)
    : around_(around),
      epoch_(epoch),
      registry_(std::move(registry)),
      cluster_({.epoch = epoch, .self = kMgmtNode, .version = "sim", .rebalancing = rebalancing},
               NoAccounts()),
      last_stream_(epoch * 1'000'000) {}

void Mgmt::Start() {
  around_.history->Note("mgmt starts, epoch ", epoch_);
  SetRegistry(registry_);
  Tick();
}

void Mgmt::SetRegistry(Registry registry) {
  registry_ = std::move(registry);
  std::vector<mgmt::Member> members;
  for (const NodeId edge : registry_.edges) {
    mgmt::Member member{.role = Role::kEdge, .name = absl::StrCat("edge", edge), .node = edge};
    const auto drain = registry_.draining.find(edge);
    member.drain = drain != registry_.draining.end();
    if (member.drain) member.drain_within = drain->second;
    members.push_back(std::move(member));
  }
  cluster_.SetMembers(members, {}, around_.events->now());
  Kick();
}

std::vector<NodeId> Mgmt::Assign(const std::string& user, const std::vector<mgmt::Probe>& reached) {
  std::vector<mgmt::ProbeReport> reports;
  for (const mgmt::Probe& probe : reached) {
    reports.push_back({absl::StrCat("edge", probe.id), probe.rtt_us});
  }
  std::vector<NodeId> edges;
  const auto assigned =
      mgmt::Assign(user, reports, around_.events->now(), &cluster_.mutable_state());
  if (!assigned.ok()) return edges;
  for (const mgmt::MainServer& server : *assigned) {
    for (const NodeId edge : registry_.edges) {
      if (server.name == absl::StrCat("edge", edge)) edges.push_back(edge);
    }
  }
  return edges;
}

void Mgmt::Tick() {
  cluster_.OnTick(around_.events->now());
  Flush();
  around_.events->After(mgmt::Cluster::kTick, Guard([this] { Tick(); }));
}

void Mgmt::Kick() {
  if (std::exchange(kicked_, true)) return;
  const absl::Duration wait = around_.dice->Between(absl::Microseconds(1), absl::Microseconds(500));
  around_.events->After(wait, Guard([this] {
                          kicked_ = false;
                          Flush();
                        }));
}

mgmt::StreamId Mgmt::NextStream() { return ++last_stream_; }

void Mgmt::Accept(mgmt::StreamId stream, NodeId node, WireId wire, std::weak_ptr<Edge> edge) {
  streams_[stream] = {.node = node, .wire = wire, .edge = std::move(edge)};
}

void Mgmt::OnMessage(mgmt::StreamId id, const v1::FromNode& message) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  const absl::Duration now = around_.events->now();
  if (std::exchange(stream->second.greeted, true)) {
    cluster_.OnMessage(id, message, now);
  } else {
    cluster_.OnHello(id, stream->second.node, message.hello(), now);
  }
  Kick();
}

void Mgmt::OnClosed(mgmt::StreamId stream) {
  if (streams_.erase(stream) == 0) return;
  cluster_.OnStreamClosed(stream, around_.events->now());
  Kick();
}

void Mgmt::Flush() {
  const mgmt::ClusterActions actions = cluster_.Flush(around_.events->now());
  for (const auto& send : actions.sends) Tell(send.stream, send.message);
  for (const auto& close : actions.closes) Refuse(close.stream, close.reason);
}

void Mgmt::Tell(mgmt::StreamId id, std::shared_ptr<const v1::ToNode> message) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  around_.network->Send(
      stream->second.wire, kMgmtNode,
      [id, edge = stream->second.edge, message = std::move(message)] {
        if (const auto alive = edge.lock()) {
          alive->attach().OnMessage(id, *message);
        }
      },
      nullptr);
}

void Mgmt::Refuse(mgmt::StreamId id, const absl::Status& why) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  around_.history->Note("mgmt closes a stream of edge ", stream->second.node, ": ", why.message());
  around_.network->Send(
      stream->second.wire, kMgmtNode,
      [id, edge = stream->second.edge, why] {
        if (const auto alive = edge.lock()) alive->attach().OnRefused(id, why);
      },
      nullptr);
  around_.network->Close(stream->second.wire, kMgmtNode);
}

}  // namespace convergia::sim
