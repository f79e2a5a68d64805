#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

namespace convergia::edge {

// The edges that a segment visits: the next one first, the destination last. The edge that sends
// the segment is not among them.
using Hops = absl::InlinedVector<NodeId, 4>;

// This edge's routes to the others. For each destination there is the best route that mgmt plotted
// and a second one that shares no link with it. If neither is there or usable, a direct link is
// used, else the reverse of the route on which something last came from there.
//
// A route on which a segment bounced is not used for a moment. A silent route (segments sent on it
// bring nothing back) is avoided for a while. If all routes are silent, the one that has been
// silent for longest is used.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RouteTable {
 public:
  // A route on which a segment bounced is not used for so long. By then mgmt has plotted new
  // routes, or the route is worth another try.
  static constexpr absl::Duration kBounceMemory = absl::Seconds(2);

  // A route counts as silent for so long. By then a silent link is dead, or the link was not the
  // cause.
  static constexpr absl::Duration kSilenceMemory = limits::kLinkDeadAfter;

  struct Pair {
    NodeId destination = 0;
    Hops best;
    Hops second;  // Empty: none.
  };

  explicit RouteTable(NodeId self) : self_(self) {}

  // Replaces all routes and forgets bounces. Leaves out routes that are empty, too long, visit this
  // edge or an edge twice, or do not end at their destination, and returns the number of these.
  int Replace(const std::vector<Pair>& pairs);

  // The first route whose first link is up and on which nothing bounced lately; routes that are not
  // silent come first.
  std::optional<Hops> Find(NodeId destination, absl::FunctionRef<bool(NodeId)> link_is_up,
                           absl::Duration now) const;

  // A segment for `destination` bounced. `visited` are the edges that it visited; the last one
  // could not forward it.
  void OnBounce(NodeId destination, absl::Span<const NodeId> visited, absl::Duration now);

  // Segments sent on `hops` bring nothing back: the route is silent for kSilenceMemory.
  void OnSilence(NodeId destination, const Hops& hops, absl::Duration now);
  // There is a new link to `peer`: routes that begin with it are no longer silent.
  void OnLinkUp(NodeId peer);

  // A segment came from `destination` over these edges, its neighbour first. The way back is
  // remembered for kBackwardMemory, long enough for answers.
  void OnArrival(NodeId destination, absl::Span<const NodeId> visited, absl::Duration now);
  static constexpr absl::Duration kBackwardMemory = absl::Seconds(30);

  size_t size() const { return pairs_.size(); }

 private:
  struct Bounce {
    Hops visited;
    absl::Duration until;
  };

  struct WayUntil {
    Hops hops;
    absl::Duration until;
  };
  // The time until which the route counts as silent. It is in the past if the route is not silent.
  absl::Duration SilentUntil(NodeId destination, const Hops& hops) const;
  bool IsSound(const Hops& hops, NodeId destination) const;
  bool BouncedLately(NodeId destination, const Hops& hops, absl::Duration now) const;

  const NodeId self_;
  absl::flat_hash_map<NodeId, Pair> pairs_;
  absl::flat_hash_map<NodeId, std::vector<Bounce>> bounces_;     // At most kBouncesMax each.
  absl::flat_hash_map<NodeId, std::vector<WayUntil>> silences_;  // Likewise.
  absl::flat_hash_map<NodeId, WayUntil> backwards_;              // Each is used until then.
};

}  // namespace convergia::edge
