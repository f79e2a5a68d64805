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

// Which edges to dial, where, and when: all that have no link, each of their addresses in turn,
// with waits that grow and start anew at any contact, at a newer start, or at new addresses.
//
// A core: no thread, no I/O. `now` is Clock::Elapsed().
class DialPlan {
 public:
  DialPlan(NodeId self, uint64_t seed) : self_(self), seed_(seed) {}

  // These are all.
  void SetPeers(const std::vector<EdgePeer>& peers);

  struct Dial {
    NodeId node = 0;
    std::string name;
    std::string address;
  };
  // What to dial now. Each is followed by OnDialDone().
  std::vector<Dial> Due(absl::Duration now);

  // `reached`: the other edge answered, whether or not the pair keeps this link.
  void OnDialDone(NodeId node, bool reached, absl::Duration now);

  // `node` lives and has found us: what kept us apart may be over.
  void OnContact(NodeId node);

  // All that are linked now, whoever dialled.
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
