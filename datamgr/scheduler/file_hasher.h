#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/tree_hash.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/hash_work.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads and hashes the leaves that the catalog's HashWork asks for, one after the other, so that
// clients hardly notice: never more than one MiB is on its way. A file that cannot be read now is
// given up until somebody asks for its hash again.
//
// On the catalog's thread, but for the hashing, which is done where the bytes arrive.
class FileHasher {
 public:
  struct Deps {  // All must outlive it.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // Runs a task on the catalog's thread; called on any.
    std::function<void(std::function<void()>)> run;
  };
  explicit FileHasher(Deps deps) : deps_(std::move(deps)) {}

  // A step. True: another one may be made at once.
  bool Step();

 private:
  // A leaf that is on its way.
  struct Reading {
    HashWork::Leaf leaf;
    uint64_t at = 0;  // All before is in `sum`.
    Sha256Sum sum;
  };
  void ReadOn(const std::shared_ptr<Reading>& reading);
  void OnRead(const std::shared_ptr<Reading>& reading, const absl::Status& read);
  void GiveUp(const absl::Status& why);

  const Deps deps_;
  bool is_reading_ = false;
};

}  // namespace convergia::datamgr
