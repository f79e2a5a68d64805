#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Gives chunks to the chunk layer to delete once their grace in the catalog's trash is over. It
// releases a batch of entries at a time, and the next as soon as those are gone.
//
// Not thread-safe: it runs on the catalog's thread.
class TrashReleaser {
 public:
  struct Deps {  // All must outlive what is under way.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // Runs a task on the catalog's thread. Thread-safe.
    std::function<void(std::function<void()>)> run;
  };
  explicit TrashReleaser(Deps deps) : deps_(std::move(deps)) {}

  // Begins with the entries that are due, unless some are being released.
  void Begin();

 private:
  using Entries = std::vector<DeferredWork::TrashEntry>;

  void Send(Entries entries);
  void Release(const Entries& entries);  // On any thread.
  void OnReleased(const Entries& entries, const absl::Status& released);

  const Deps deps_;
  int under_way_ = 0;      // Requests to the chunk layer.
  bool has_more_ = false;  // More trash is due than is being released.
};

}  // namespace convergia::datamgr
