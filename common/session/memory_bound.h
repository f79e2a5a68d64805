#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia::session {

class Connection;
class Shard;

// The memory that all connections of a server hold, and its bound. Past the bound it closes the
// connection that holds most, whichever grew last: a peer that hoards cannot push out the others.
// Then it searches again, until the sum is within the bound. While a search runs, the connections
// grow on, each within its own bounds. Thread-safe.
class MemoryBound {
 public:
  // The shards must run while connections change. They outlive the use of this.
  MemoryBound(size_t bytes_max, std::vector<std::shared_ptr<Shard>> shards);

  // A connection holds `change` bytes more, or less if it is negative. Never blocks.
  void Add(int64_t change) ABSL_LOCKS_EXCLUDED(mu_);

  int64_t bytes() const { return bytes_; }

 private:
  struct Holder {
    std::shared_ptr<Connection> connection;
    size_t bytes = 0;
  };

  bool IsOver() const { return bytes_ > bytes_max_; }
  void Search() ABSL_LOCKS_EXCLUDED(mu_);
  void OnLargestOf(const Shard& shard) ABSL_LOCKS_EXCLUDED(mu_);
  void Close(const std::shared_ptr<Connection>& connection);
  void EndSearch();

  const int64_t bytes_max_;
  const std::vector<std::shared_ptr<Shard>> shards_;
  std::atomic<int64_t> bytes_ = 0;
  std::atomic<bool> is_searching_ = false;

  absl::Mutex mu_;
  Holder largest_ ABSL_GUARDED_BY(mu_);
  size_t shards_awaited_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::session
