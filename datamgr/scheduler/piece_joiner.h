#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/content/join_work.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads the runs of tiny pieces that the catalog's JoinWork chooses, and writes each as one chunk.
// It handles one run at a time. If a file cannot be read or written now, it stays as it is.
//
// Not thread-safe: it runs on the catalog's thread. It must outlive the callbacks of the chunk
// layer and the tasks that it gave to Deps::run.
class PieceJoiner {
 public:
  struct Deps {  // All must outlive it.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // The preferred class of servers for a path. Thread-safe.
    std::function<ClassPreference(absl::string_view path)> prefer;
    // Runs a task on the catalog's thread. Thread-safe.
    std::function<void(std::function<void()>)> run;
  };
  explicit PieceJoiner(Deps deps) : deps_(std::move(deps)) {}

  // Does one step. True if there is more to do at once; else call it again at the next turn.
  bool Step();

 private:
  using RunPtr = std::shared_ptr<const JoinWork::Run>;

  void Store(const RunPtr& run, absl::StatusOr<std::string> bytes);  // On any thread.
  void OnStored(const RunPtr& run, const absl::StatusOr<ChunkRef>& stored);
  void GiveUp(const absl::Status& why);

  const Deps deps_;
  bool is_busy_ = false;
};

}  // namespace convergia::datamgr
