#include "edge/links/dial_plan.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace convergia::edge {

void DialPlan::SetPeers(const std::vector<EdgePeer>& peers) {
  absl::flat_hash_map<NodeId, Entry> entries;
  for (const EdgePeer& peer : peers) {
    if (peer.node == self_ || peer.node == 0) continue;
    const auto known = entries_.find(peer.node);
    if (known == entries_.end()) {
      const Backoff backoff(limits::kLinkRedialFirst, limits::kLinkRedialMax, seed_ + peer.node);
      entries.emplace(peer.node, Entry{.peer = peer, .backoff = backoff});
      continue;
    }
    Entry& entry = entries.emplace(peer.node, std::move(known->second)).first->second;
    if (entry.peer.epoch != peer.epoch || entry.peer.addresses != peer.addresses) {
      entry.backoff.Reset();
      entry.next_try = absl::ZeroDuration();
      entry.next_address = 0;
    }
    entry.peer = peer;
  }
  entries_ = std::move(entries);
}

std::vector<DialPlan::Dial> DialPlan::Due(absl::Duration now) {
  std::vector<Dial> due;
  for (auto& [node, entry] : entries_) {
    if (entry.linked || entry.dialling || now < entry.next_try) continue;
    if (entry.peer.addresses.empty()) continue;
    const std::vector<std::string>& addresses = entry.peer.addresses;
    due.push_back({node, entry.peer.name, addresses[entry.next_address++ % addresses.size()]});
    entry.dialling = true;
  }
  return due;
}

void DialPlan::SetLinked(const absl::flat_hash_set<NodeId>& linked, absl::Duration now) {
  for (auto& [node, entry] : entries_) {
    const bool was_linked = std::exchange(entry.linked, linked.contains(node));
    if (entry.linked) {
      entry.backoff.Reset();
    } else if (was_linked) {
      entry.next_address = 0;
      entry.next_try = now + entry.backoff.Next();
    }
  }
}

void DialPlan::OnContact(NodeId node) {
  const auto found = entries_.find(node);
  if (found == entries_.end()) return;
  found->second.backoff.Reset();
  found->second.next_try = absl::ZeroDuration();
}

void DialPlan::OnDialDone(NodeId node, bool reached, absl::Duration now) {
  const auto found = entries_.find(node);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.dialling = false;
  if (reached) {
    // If it was not kept, the other link is to be seen in a moment.
    entry.backoff.Reset();
    entry.next_address = 0;
    entry.next_try = now + entry.backoff.Next();
  } else if (entry.next_address % std::max<size_t>(1, entry.peer.addresses.size()) == 0) {
    entry.next_try = now + entry.backoff.Next();  // The other addresses at once, then a rest.
  }
}

}  // namespace convergia::edge
