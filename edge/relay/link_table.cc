#include "edge/relay/link_table.h"

#include <algorithm>

namespace convergia::edge {

LinkTable::Verdict LinkTable::Offer(NodeId peer, Epoch peer_epoch, LinkId link, Dialled dialled) {
  if (peer == self_ || peer == 0) return {};
  const auto found = links_.find(peer);
  if (found == links_.end()) {
    links_[peer] = {link, peer_epoch, dialled};
    return {.admitted = true};
  }
  Link& present = found->second;
  if (peer_epoch < present.peer_epoch) return {};
  const bool same_start = peer_epoch == present.peer_epoch;
  if (same_start && dialled != present.dialled && !Stays(peer, dialled)) return {};
  const LinkId replaced = present.id;
  present = {link, peer_epoch, dialled};
  return {.admitted = true, .replaced = replaced};
}

std::optional<NodeId> LinkTable::Remove(LinkId link) {
  for (auto entry = links_.begin(); entry != links_.end(); ++entry) {
    if (entry->second.id != link) continue;
    const NodeId peer = entry->first;
    links_.erase(entry);
    return peer;
  }
  return std::nullopt;
}

std::optional<LinkId> LinkTable::Find(NodeId peer) const {
  const auto found = links_.find(peer);
  if (found == links_.end()) return std::nullopt;
  return found->second.id;
}

std::vector<NodeId> LinkTable::Peers() const {
  std::vector<NodeId> peers;
  for (const auto& [peer, link] : links_) peers.push_back(peer);
  std::sort(peers.begin(), peers.end());
  return peers;
}

}  // namespace convergia::edge
