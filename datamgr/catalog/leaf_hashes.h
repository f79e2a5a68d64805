#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/catalog_env.h"

namespace convergia::datamgr {

// How many leaves a file may have for its hash to be made whenever somebody asks; that of a larger
// one is remembered in its inode.
inline constexpr uint64_t kLeavesAtOnceMax = 1'024;

// What of a write of `bytes` at `offset` may become the hash of a leaf: that of what follows the
// first beginning of a leaf in it, up to the next one or its end. Empty: no leaf begins in it. Any
// thread; takes its time.
std::string HashForWrite(uint64_t offset, absl::string_view bytes,
                         uint64_t leaf_bytes = kHashLeafBytes);

// The hashes of the leaves of files (common/base/tree_hash.h), a row for each that is known. A row
// of a leaf within a file is always right. Those past its end mean nothing. Not thread-safe.
class LeafHashes {
 public:
  explicit LeafHashes(CatalogEnv* env) : env_(*env) {}

  uint64_t LeavesOf(uint64_t bytes) const;

  // The bytes [begin, end) of file `id`, which has `size` bytes by them, are others; `hash` is as
  // HashForWrite() gives it, or empty. Sets the hash of a leaf that was written as a whole, and
  // forgets those of the others.
  void OnWrite(Transaction& edit, uint64_t id, uint64_t begin, uint64_t end, uint64_t size,
               absl::string_view hash) const;
  // It was cut to `size` bytes.
  void OnTruncate(Transaction& edit, uint64_t id, uint64_t size) const;
  void Put(Transaction& edit, uint64_t id, uint64_t leaf, absl::string_view hash) const;

  // The hashes of the leaves from `leaf` on, up to the first that is not known; at most `limit`,
  // and none past the end of a file of `size` bytes.
  absl::StatusOr<std::vector<std::string>> Known(uint64_t id, uint64_t leaf, uint64_t size,
                                                 int limit) const;

  // Of the whole file: kHashBytes; empty: it is not known.
  absl::StatusOr<std::string> OfFile(uint64_t id, const records::Inode& inode) const;

  // A step of forgetting all, of so many that they need a commit of their own. False: a few are
  // left at most, for ClearLast().
  absl::StatusOr<bool> ClearStep(Transaction& edit, uint64_t id) const;
  absl::Status ClearLast(Transaction& edit, uint64_t id) const;

 private:
  CatalogEnv& env_;
};

}  // namespace convergia::datamgr
