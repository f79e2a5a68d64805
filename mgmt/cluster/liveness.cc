#include "mgmt/cluster/liveness.h"

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {

void Liveness::Expect(NodeId id, absl::Duration now) {
  Node& node = nodes_[id];
  node.state = LiveState::kSuspect;
  node.last_heard = now;
}

absl::Status Liveness::Attach(NodeId id, const v1::Hello& hello, absl::Duration now) {
  Node& node = nodes_[id];
  if (hello.epoch() < node.epoch) {
    return absl::FailedPreconditionError(
        absl::StrCat("a newer start of this node (epoch ", node.epoch, ") is attached; stop"));
  }
  node.state = LiveState::kAlive;
  node.attached = true;
  node.epoch = hello.epoch();
  node.last_heard = now;
  node.hello = hello;
  node.load.Clear();
  return absl::OkStatus();
}

void Liveness::Heard(NodeId id, absl::Duration now) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || !found->second.attached) return;
  found->second.last_heard = now;
  found->second.state = LiveState::kAlive;
}

void Liveness::SetLoad(NodeId id, const v1::Heartbeat& load) { nodes_[id].load = load; }

void Liveness::Detach(NodeId id, absl::Duration now) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || !found->second.attached) return;
  found->second.attached = false;
  found->second.last_heard = now;
  if (found->second.state == LiveState::kAlive) found->second.state = LiveState::kSuspect;
}

void Liveness::MarkOffline(NodeId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  found->second.state = LiveState::kOffline;
  found->second.load.Clear();
}

std::vector<NodeId> Liveness::Tick(absl::Duration now) {
  std::vector<NodeId> changed;
  for (auto& [id, node] : nodes_) {
    const absl::Duration silent = now - node.last_heard;
    LiveState state = node.state;
    if (state == LiveState::kAlive && silent > limits::kSuspectAfter) state = LiveState::kSuspect;
    if (state == LiveState::kSuspect && silent > limits::kOfflineAfter) state = LiveState::kOffline;
    if (state == node.state) continue;
    node.state = state;
    if (state == LiveState::kOffline) node.load.Clear();
    changed.push_back(id);
  }
  return changed;
}

const Liveness::Node* Liveness::Find(NodeId id) const {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : &found->second;
}

LiveState Liveness::StateOf(NodeId id) const {
  const Node* node = Find(id);
  return node == nullptr ? LiveState::kOffline : node->state;
}

v1::Liveness ToProto(LiveState state) {
  switch (state) {
    case LiveState::kOffline:
      return v1::LIVENESS_OFFLINE;
    case LiveState::kSuspect:
      return v1::LIVENESS_SUSPECT;
    case LiveState::kAlive:
      return v1::LIVENESS_ALIVE;
  }
  return v1::LIVENESS_UNSPECIFIED;
}

}  // namespace convergia::mgmt
