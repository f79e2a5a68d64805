#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Has the chunk layer release what the catalog's trash holds for long enough. Some entries are
// under way at a time; more follow as soon as those are gone.
//
// On the catalog's thread.
class TrashReleaser {
 public:
  struct Deps {  // All must outlive what is under way.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // Runs a task on the catalog's thread; called on any.
    std::function<void(std::function<void()>)> run;
  };
  explicit TrashReleaser(Deps deps) : deps_(std::move(deps)) {}

  // Begins with what is due, unless some is under way.
  void Begin();

 private:
  using Entries = std::vector<DeferredWork::TrashEntry>;

  void Send(Entries entries);
  void Release(const Entries& entries);  // On any thread.
  void OnReleased(const Entries& entries, const absl::Status& released);

  const Deps deps_;
  int under_way_ = 0;      // Requests to the chunk layer.
  bool has_more_ = false;  // More trash is due than is under way.
};

}  // namespace convergia::datamgr
