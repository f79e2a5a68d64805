#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/hash/tree_hash.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/content/hash_work.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Reads and hashes the leaves that the catalog's HashWork asks for. One leaf, at most 1 MiB, is
// read at a time, so clients hardly notice. If a file cannot be read now, its hash waits for the
// next request.
//
// Not thread-safe: it runs on the catalog's thread. Only the hashing runs on the thread where the
// bytes arrive.
class FileHasher {
 public:
  struct Deps {  // All must outlive it.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    // Runs a task on the catalog's thread. Thread-safe.
    std::function<void(std::function<void()>)> run;
  };
  explicit FileHasher(Deps deps) : deps_(std::move(deps)) {}

  // Does one step. True: the caller may make another one at once.
  bool Step();

 private:
  // A leaf that is being read.
  struct Reading {
    HashWork::Leaf leaf;
    uint64_t at = 0;  // `sum` covers the bytes before it.
    Sha256Sum sum;
  };
  void ReadOn(const std::shared_ptr<Reading>& reading);
  void OnRead(const std::shared_ptr<Reading>& reading, const absl::Status& read);
  void GiveUp(const absl::Status& why);

  const Deps deps_;
  bool is_reading_ = false;
};

}  // namespace convergia::datamgr
