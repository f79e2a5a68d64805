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

// Decides which link to each edge stays. Both edges may dial one another. Each applies these rules
// to the same pair of streams, so exactly one stays, the same at both ends:
//
//   a newer start of the peer            It replaces the link of the older start at once.
//   same start, same side dialled again  The newer link stays: that side gave up the older one.
//   same start, both sides dialled       The link that the lower node id dialled stays.
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
