#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace convergia::mgmt {

// Decides when users of draining edges are told to go: evenly over half of the time that is left.
// So other edges are not flooded, and slow clients can be told again. Not thread-safe.
class DrainPacer {
 public:
  static constexpr double kPerSecondMin = 10;   // Of one edge; few users need not be spread.
  static constexpr double kPerSecondMax = 500;  // A ticket costs 0.5 ms to take elsewhere.
  static constexpr absl::Duration kTellAgainAfter = absl::Seconds(5);

  // The users of `edge` to tell now, and how often each was told before. `users` are all users on
  // `edge`. `left` is the time until `edge` closes the sessions of those who stay.
  struct Telling {
    std::string user;
    int before = 0;
  };
  std::vector<Telling> Tick(NodeId edge, const std::vector<std::string>& users, absl::Duration left,
                            absl::Duration now);

  // `edge` no longer drains, or is gone.
  void Forget(NodeId edge) { edges_.erase(edge); }
  // Edges that Tick() was called for and that were not forgotten.
  std::vector<NodeId> edges() const;

 private:
  struct Told {
    int times = 0;
    absl::Duration at;
  };
  struct Edge {
    absl::Duration tell_by;  // Half of the time; the rest is for telling again.
    absl::Duration last;
    double credit = 1;  // Of users to tell; the first at once.
    absl::flat_hash_map<std::string, Told> told;
  };
  absl::btree_map<NodeId, Edge> edges_;
};

}  // namespace convergia::mgmt
