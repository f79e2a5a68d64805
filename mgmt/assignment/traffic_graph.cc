#include "mgmt/assignment/traffic_graph.h"

#include <algorithm>
#include <cmath>

namespace convergia::mgmt {

double TrafficGraph::Inflation(absl::Duration now) const {
  return std::exp2(absl::FDivDuration(now - base_, options_.half_life));
}

double TrafficGraph::Bytes(double weight, absl::Duration now) const {
  return has_base_ ? weight / Inflation(now) : weight;
}

TrafficGraph::User TrafficGraph::Find(absl::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? kNobody : found->second;
}

TrafficGraph::User TrafficGraph::Intern(absl::string_view name) {
  const auto found = users_.find(name);
  if (found != users_.end()) return found->second;
  if (users_.size() >= options_.users_max) return kNobody;
  User user = static_cast<User>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    user = free_.back();
    free_.pop_back();
  }
  slots_[user].name = std::string(name);
  users_.emplace(name, user);
  return user;
}

void TrafficGraph::Add(absl::string_view a, absl::string_view b, double bytes, absl::Duration now) {
  if (a == b || !(bytes > 0)) return;
  if (!has_base_) {
    has_base_ = true;
    base_ = swept_ = now;
  }
  const User first = Intern(a);
  const User second = Intern(b);
  if (first == kNobody || second == kNobody) return;
  const auto weight = static_cast<float>(bytes * Inflation(now));
  AddPeer(first, second, weight);
  AddPeer(second, first, weight);
}

void TrafficGraph::AddPeer(User of, User peer, float weight) {
  std::vector<Peer>& peers = slots_[of].peers;
  const auto found =
      std::find_if(peers.begin(), peers.end(), [&](const Peer& p) { return p.user == peer; });
  if (found != peers.end()) {
    found->weight += weight;
    return;
  }
  if (peers.size() < options_.peers_max) {
    peers.push_back({peer, weight});
    return;
  }
  // Misra-Gries: when full, a new peer decrements the smallest weight and replaces it at zero, so
  // heavy peers stay, however many others there are.
  const auto lightest = std::min_element(
      peers.begin(), peers.end(), [](const Peer& x, const Peer& y) { return x.weight < y.weight; });
  lightest->weight -= weight;
  if (lightest->weight < 0) *lightest = {peer, -lightest->weight};
}

void TrafficGraph::Sweep(absl::Duration now) {
  if (!has_base_ || now - swept_ < options_.half_life) return;
  swept_ = now;
  const double inflation = Inflation(now);
  base_ = now;
  std::vector<bool> is_named(slots_.size());
  for (Slot& slot : slots_) {
    for (Peer& peer : slot.peers) peer.weight = static_cast<float>(peer.weight / inflation);
    slot.peers.erase(std::remove_if(slot.peers.begin(), slot.peers.end(),
                                    [](const Peer& peer) { return peer.weight < kForgottenBytes; }),
                     slot.peers.end());
    for (const Peer& peer : slot.peers) is_named[peer.user] = true;
  }
  for (User user = 0; user < end(); ++user) {
    Slot& slot = slots_[user];
    if (slot.name.empty() || !slot.peers.empty() || is_named[user]) continue;
    users_.erase(slot.name);
    slot = Slot();
    free_.push_back(user);
  }
}

}  // namespace convergia::mgmt
