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

// A link that is up, for planning. `a` < `b`.
struct Link {
  NodeId a = 0;
  NodeId b = 0;
  uint32_t rtt_us = 0;
  double loss = 0;  // Of heartbeats, 0 to 1.

  friend bool operator==(const Link&, const Link&) = default;
};

// The links between edges, as edges report them.
//
// A link is up if one end reports it and the other end, if it has reported, does too. So an edge
// cannot invent links to others, and an edge whose stream to mgmt broke keeps its links. A
// round-trip time is updated only if it changed by more than a quarter and more than 200 us, so
// noise plots no new routes. Not thread-safe.
class LinkMap {
 public:
  // limits::kLinkDeadAfter: a link that is silent for longer is dead.
  static constexpr uint32_t kRttUsMax = 15'000'000;
  // Rows of one report: far more than there are edges.
  static constexpr size_t kRowsMax = 10'000;

  struct Outcome {
    bool links_changed = false;  // Links() may have other links than before.
    bool times_changed = false;  // A link that was there may have another round-trip time.
    // The number of rows that cannot be true and are left out, and what is wrong with the first.
    int refused = 0;
    std::string why;
  };
  // Takes all links that `edge` has now, in place of its earlier report. Refuses rows about an
  // unknown edge (`is_edge`), about `edge` itself, about an edge that an earlier row names, or with
  // an impossible time or loss. Refuses a report of more than kRowsMax rows as a whole; then the
  // earlier report stays.
  Outcome Report(NodeId edge, absl::Span<const v1::LinkState* const> links,
                 absl::FunctionRef<bool(NodeId)> is_edge);

  // Forgets the report of `edge`: it is offline, or its stream to mgmt has ended. True if there was
  // a report, so Links() may have changed.
  bool Forget(NodeId edge);

  // True if some edge reports a link to `edge`.
  bool AnyoneReaches(NodeId edge) const;

  // The links that are up, sorted by (a, b). If both ends report a link, it has the higher time and
  // the higher loss of the two.
  std::vector<Link> Links() const;

  // The rows of the last report of `edge`, sorted by peer.
  std::vector<v1::LinkState> ReportOf(NodeId edge) const;

  // The number of rows of all reports.
  size_t ReportCount() const;

  // The edges to which `edge` has a link that is up, sorted.
  std::vector<NodeId> NeighboursOf(NodeId edge) const;

 private:
  struct Measured {
    uint32_t rtt_us = 0;
    double loss = 0;
  };
  using Peers = absl::flat_hash_map<NodeId, Measured>;

  // True if `edge` has reported, and no link to `peer`.
  bool Denies(NodeId edge, NodeId peer) const;

  absl::flat_hash_map<NodeId, Peers> reports_;
};

}  // namespace convergia::mgmt
