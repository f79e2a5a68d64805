#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "datamgr/catalog/catalog_env.h"

namespace convergia::datamgr {

// A folder with more folders in it than this is not measured.
inline constexpr size_t kMeasuredFoldersMax = 10'000;

// Measures how many levels folders have, by a depth-first walk in bounded steps. What comes into a
// folder between two steps is counted too. Walks are only in memory: a few, the latest. Not
// thread-safe.
class HeightWalks {
 public:
  explicit HeightWalks(CatalogEnv* env) : env_(*env) {}

  // OK if `folder` and what is in it have at most `highest` levels; an empty folder has one.
  //
  // Errors: CallAgain() until that is known; kBadField as soon as a deeper one is found, or too
  // many folders.
  absl::Status Check(uint64_t folder, size_t highest);

  // A file or an empty folder came into the last of `folders`, which lead there from the root.
  void OnAdded(absl::Span<const uint64_t> folders);
  // A folder came there with all that is in it.
  void OnMovedIn(absl::Span<const uint64_t> folders);

 private:
  struct Open {
    uint64_t folder = 0;
    size_t level = 1;
    std::string next;  // The entry to go on with; empty: the first.
  };
  struct Walk {
    std::vector<Open> open;  // The last one is looked at next.
    size_t folders = 1;      // Seen so far.
    size_t height = 1;
    uint64_t used = 0;  // When: the greatest is the latest.
  };
  Walk& WalkOf(uint64_t folder);
  absl::Status Step(Walk& walk, size_t highest);
  absl::Status LookInto(Walk& walk, int* rows_left);

  CatalogEnv& env_;
  absl::flat_hash_map<uint64_t, Walk> walks_;
  uint64_t uses_ = 0;
};

}  // namespace convergia::datamgr
