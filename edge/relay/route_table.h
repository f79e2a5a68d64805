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

// Edges to visit, next first, the destination last; the one that starts is not among them.
using Hops = absl::InlinedVector<NodeId, 4>;

// This edge's ways to the others: per destination the best that mgmt plotted and a second that
// shares no link with it. Before any are plotted, and when neither can be used, a link straight to
// the destination does as well, and then the way on which something came from there last.
//
// A way on which something bounced is not used for a moment. One that is silent (what goes out on
// it brings nothing back) is used for a while only if all others are too, then the one that has
// been silent for longest.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RouteTable {
 public:
  // How long a way on which something bounced is not used: until then mgmt has plotted anew, or
  // it is worth another try.
  static constexpr absl::Duration kBounceMemory = absl::Seconds(2);

  // By then a silent link is dead, or it was not the link.
  static constexpr absl::Duration kSilenceMemory = limits::kLinkDeadAfter;

  struct Pair {
    NodeId destination = 0;
    Hops best;
    Hops second;  // Empty: none.
  };

  explicit RouteTable(NodeId self) : self_(self) {}

  // These are all; bounces are forgotten. Routes that are empty, too long, visit an edge twice or
  // this one, or do not end at their destination are left out. Returns how many.
  int Replace(const std::vector<Pair>& pairs);

  // The first way whose first link is up and on which nothing bounced lately, rather one that is
  // not silent.
  std::optional<Hops> Find(NodeId destination, absl::FunctionRef<bool(NodeId)> link_is_up,
                           absl::Duration now) const;

  // Something for `destination` bounced; `visited` are the edges it saw, the one that could not go
  // on last.
  void OnBounce(NodeId destination, absl::Span<const NodeId> visited, absl::Duration now);

  // What went out on `hops` brings nothing back.
  void OnSilence(NodeId destination, const Hops& hops, absl::Duration now);
  // There is a new link to `peer`: ways that begin with it are silent no more.
  void OnLinkUp(NodeId peer);

  // Something came from `destination` over these edges, its neighbour first. That there is a way
  // back is known for kBackwardMemory: long enough for what is to be answered.
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
  // When it is silent no more; now or earlier: it is not.
  absl::Duration SilentUntil(NodeId destination, const Hops& hops) const;
  bool IsSound(const Hops& hops, NodeId destination) const;
  bool BouncedLately(NodeId destination, const Hops& hops, absl::Duration now) const;

  const NodeId self_;
  absl::flat_hash_map<NodeId, Pair> pairs_;
  absl::flat_hash_map<NodeId, std::vector<Bounce>> bounces_;     // At most kBouncesMax each.
  absl::flat_hash_map<NodeId, std::vector<WayUntil>> silences_;  // Likewise.
  absl::flat_hash_map<NodeId, WayUntil> backwards_;              // Known until then.
};

}  // namespace convergia::edge
