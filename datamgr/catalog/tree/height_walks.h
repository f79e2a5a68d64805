#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// A folder is measured only if it and all folders in it are at most this many.
inline constexpr size_t kMeasuredFoldersMax = 10'000;

// Measures how many levels folders have, by a depth-first search in bounded steps (a walk). It also
// counts entries that are added between two steps. Only the latest few walks are kept, in memory; a
// forgotten one starts again. Not thread-safe.
class HeightWalks {
 public:
  explicit HeightWalks(CatalogEnv* env) : env_(*env) {}

  // Does one step. OK if `folder` and its content have at most `highest` levels. An empty folder
  // has one level, a folder with one file has two.
  //
  // Errors: CallAgain() while the walk is not finished; FailCode::kBadField once it finds a deeper
  // level, or more than kMeasuredFoldersMax folders with `folder` itself; kDataLoss for a damaged
  // row; those of the store.
  absl::Status Check(uint64_t folder, size_t highest);

  // Call it after a file or an empty folder was added to the last of `folders`. These are the
  // folders on the way there, the root first.
  void OnAdded(absl::Span<const uint64_t> folders);
  // Call it after a folder was moved into the last of `folders`. The walks of these start again.
  void OnMovedIn(absl::Span<const uint64_t> folders);

 private:
  struct Open {
    uint64_t folder = 0;
    size_t level = 1;
    std::string next;  // The key of the next entry; empty: the first.
  };
  struct Walk {
    std::vector<Open> open;  // A stack: the last one is examined next.
    size_t folders = 1;      // Seen so far.
    size_t height = 1;
    uint64_t used = 0;  // The value of uses_ at the last use.
  };
  Walk& WalkOf(uint64_t folder);
  absl::Status Step(Walk& walk, size_t highest);
  absl::Status LookInto(Walk& walk, int* rows_left);

  CatalogEnv& env_;
  absl::flat_hash_map<uint64_t, Walk> walks_;
  uint64_t uses_ = 0;
};

}  // namespace convergia::datamgr
