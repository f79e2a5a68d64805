#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/ids.h"

namespace convergia::edge {

// This edge's own number for one stream to another edge; never used twice.
using LinkId = uint64_t;

enum class Dialled { kByUs, kByPeer };

// Which link counts to which edge. Both edges dial one another, and each applies this rule to the
// same pair of streams, so exactly one stays, the same at both ends:
//
//   a newer start of the peer     replaces the link of the older at once
//   the same start, the same side dialled again    the newer stays: that side gave the older up
//   the same start, both dialled  the one that the lower node id dialled stays
//
// A core: no thread, no I/O.
class LinkTable {
 public:
  explicit LinkTable(NodeId self) : self_(self) {}

  struct Verdict {
    bool admitted = false;           // False: close the new one.
    std::optional<LinkId> replaced;  // To be closed; already out of the table.
  };
  Verdict Offer(NodeId peer, Epoch peer_epoch, LinkId link, Dialled dialled);

  // The peer whose link this was; nullopt if it was not (or no longer) one of the table.
  std::optional<NodeId> Remove(LinkId link);

  std::optional<LinkId> Find(NodeId peer) const;

  size_t size() const { return links_.size(); }
  std::vector<NodeId> Peers() const;  // In ascending order.

 private:
  struct Link {
    LinkId id = 0;
    Epoch peer_epoch = 0;
    Dialled dialled = Dialled::kByUs;
  };

  bool Stays(NodeId peer, Dialled dialled) const {
    return (dialled == Dialled::kByUs) == (self_ < peer);
  }

  const NodeId self_;
  absl::flat_hash_map<NodeId, Link> links_;
};

}  // namespace convergia::edge
