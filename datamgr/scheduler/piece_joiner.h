#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/join_work.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads the runs of tiny pieces that the catalog's JoinWork chooses and writes each as one chunk,
// one run after the other. A file that cannot be read or written now is left as it is.
//
// On the catalog's thread.
class PieceJoiner {
 public:
  struct Deps {  // All must outlive it.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // Which servers to prefer, by a path. On any thread.
    std::function<ClassPreference(absl::string_view path)> prefer;
    // Runs a task on the catalog's thread; called on any.
    std::function<void(std::function<void()>)> run;
  };
  explicit PieceJoiner(Deps deps) : deps_(std::move(deps)) {}

  // A step. True: another one may be made at once.
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
