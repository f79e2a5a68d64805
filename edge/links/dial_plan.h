#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"

namespace convergia::edge {

// An edge as mgmt names it to the others.
struct EdgePeer {
  NodeId node = 0;
  std::string name;
  Epoch epoch = 0;
  std::vector<std::string> addresses;  // To be tried in this order.
};

// Decides which edges to dial, at which address, and when: all edges without a link, at each of
// their addresses in turn. Waits grow, and are reset by any contact, a newer start, or new
// addresses.
//
// A core: no thread, no I/O. `now` is Clock::Elapsed().
class DialPlan {
 public:
  DialPlan(NodeId self, uint64_t seed) : self_(self), seed_(seed) {}

  // `peers` are all other edges.
  void SetPeers(const std::vector<EdgePeer>& peers);

  struct Dial {
    NodeId node = 0;
    std::string name;
    std::string address;
  };
  // The dials to make now. OnDialDone() must follow for each.
  std::vector<Dial> Due(absl::Duration now);

  // `reached`: the other edge answered, whether or not the pair keeps this link.
  void OnDialDone(NodeId node, bool reached, absl::Duration now);

  // `node` is alive and has reached this edge, so dialling it may succeed again.
  void OnContact(NodeId node);

  // All edges that are linked now; either side may have dialled.
  void SetLinked(const absl::flat_hash_set<NodeId>& linked, absl::Duration now);

 private:
  struct Entry {
    EdgePeer peer;
    Backoff backoff;
    absl::Duration next_try = absl::ZeroDuration();
    size_t next_address = 0;
    bool linked = false;
    bool dialling = false;
  };

  const NodeId self_;
  const uint64_t seed_;
  absl::flat_hash_map<NodeId, Entry> entries_;
};

}  // namespace convergia::edge
