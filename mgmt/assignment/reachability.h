#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "mgmt/assignment/assignment.h"

namespace convergia::mgmt {

// The last report of each client about the edges that it tried: those it reached, and those it did
// not. Bounded: when full, a new client is not remembered until Sweep() has made room. Not
// thread-safe.
class Reachability {
 public:
  // The most reached and the most missed edges of one report; the nearest reached are kept.
  static constexpr size_t kEdgesMax = 16;
  // If this share of all clients could not reach an edge, and others could, it is behind a wall.
  static constexpr double kWalledShare = 0.2;

  struct Reach {
    std::vector<Probe> reached;  // Nearest first.
    std::vector<NodeId> missed;

    // Null if it did not reach that one.
    const Probe* To(NodeId edge) const;
  };

  explicit Reachability(size_t users_max = 1'000'000) : users_max_(users_max) {}

  // Replaces the last report of `user`. A report that reached nothing does not count for the edges.
  void Put(absl::string_view user, Reach reach);
  // Null if nothing is known.
  const Reach* Find(absl::string_view user) const;

  bool IsWalled(NodeId edge) const;

  // `edge` has gone, or come back: earlier misses mean nothing any longer.
  void ForgetMisses(NodeId edge);

  // If room is getting short, forgets users for whom `keeps` is false.
  void Sweep(absl::FunctionRef<bool(const std::string& user)> keeps);

  size_t size() const { return users_.size(); }

 private:
  struct Count {
    uint32_t reached = 0;
    uint32_t missed = 0;
  };
  void AddTo(const Reach& reach, int sign);

  const size_t users_max_;
  absl::flat_hash_map<std::string, Reach> users_;
  absl::flat_hash_map<NodeId, Count> counts_;
};

}  // namespace convergia::mgmt
