#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
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
// A link is up if one end says so and the other, if it has spoken, does not deny it: an edge cannot
// invent links to others, and one whose stream to mgmt broke keeps those it has. Round-trip times
// are taken over only when they changed much, so that noise plots no new routes. Not thread-safe.
class LinkMap {
 public:
  // limits::kLinkDeadAfter: longer no link lives without a sign of life.
  static constexpr uint32_t kRttUsMax = 15'000'000;
  // Of one report: far more edges than there are.
  static constexpr size_t kRowsMax = 10'000;

  struct Outcome {
    bool links_changed = false;  // Links() has others than before.
    bool times_changed = false;  // Links() has the same, with other times.
    // Rows that cannot be true and are left out, and what is wrong with the first.
    int refused = 0;
    std::string why;
  };
  // All links that `edge` has now. Rows about an unknown edge (`is_edge` says no), itself, one that
  // an earlier row names, or with a time or loss that cannot be are refused; of more than kRowsMax
  // rows all, and what was said before stays.
  Outcome Report(NodeId edge, absl::Span<const v1::LinkState* const> links,
                 absl::FunctionRef<bool(NodeId)> is_edge);

  // `edge` is not heard from: what it said is void. True if Links() changed.
  bool Forget(NodeId edge);

  // Whether some edge, heard from, has a link to `edge`.
  bool AnyoneReaches(NodeId edge) const;

  // Sorted by (a, b).
  std::vector<Link> Links() const;

  // What `edge` reports, sorted by peer.
  std::vector<v1::LinkState> ReportOf(NodeId edge) const;

  // How many ReportOf() has, of all edges.
  size_t ReportCount() const;

  // Those `edge` is linked to, sorted.
  std::vector<NodeId> NeighboursOf(NodeId edge) const;

 private:
  struct Measured {
    uint32_t rtt_us = 0;
    double loss = 0;
  };
  using Peers = absl::flat_hash_map<NodeId, Measured>;

  // It has spoken, and of no link to `peer`.
  bool Denies(NodeId edge, NodeId peer) const;

  absl::flat_hash_map<NodeId, Peers> reports_;
};

}  // namespace convergia::mgmt
