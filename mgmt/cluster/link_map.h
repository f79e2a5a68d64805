#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

// A link that is up, for planning: `a` < `b`.
struct Link {
  NodeId a = 0;
  NodeId b = 0;
  uint32_t rtt_us = 0;
  double loss = 0;

  friend bool operator==(const Link&, const Link&) = default;
};

// Which edges are connected, as they say themselves.
//
// A link is up if one end says so and the other, if it has spoken, does not deny it. Round-trip
// times are taken over only when they changed much, so that noise plots no new routes. Not
// thread-safe.
class LinkMap {
 public:
  // Absurd values are brought within [1 us, this].
  static constexpr uint32_t kRttUsMax = 60'000'000;

  // All links that `edge` has now; links to itself, to 0 and doubles are ignored. True if Links()
  // changed.
  bool Report(NodeId edge, absl::Span<const v1::LinkState* const> links);

  // `edge` is not heard from: what it said is void. True if Links() changed.
  bool Forget(NodeId edge);

  // Whether some edge, heard from, has a link to `edge`.
  bool AnyoneReaches(NodeId edge) const;

  // Sorted by (a, b).
  std::vector<Link> Links() const;

  // What `edge` reports, sorted by peer.
  std::vector<v1::LinkState> ReportOf(NodeId edge) const;

  // Those `edge` is linked to, sorted.
  std::vector<NodeId> NeighboursOf(NodeId edge) const;

 private:
  struct Measured {
    uint32_t rtt_us = 0;
    double loss = 0;
  };
  using Peers = absl::flat_hash_map<NodeId, Measured>;

  absl::flat_hash_map<NodeId, Peers> reports_;
};

}  // namespace convergia::mgmt
