#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// The hash of a file with at most this many leaves is computed from them on each request. That of a
// larger file is kept in its inode.
inline constexpr uint64_t kLeavesAtOnceMax = 1'024;

// The hash of the first leaf that begins in a write of `bytes` at `offset`. It covers the bytes
// from that beginning to the next leaf or to the end of the write. Empty: no leaf begins in the
// write. Thread-safe. Hashes up to `leaf_bytes` bytes, so call it away from the catalog's thread.
std::string HashForWrite(uint64_t offset, absl::string_view bytes,
                         uint64_t leaf_bytes = kHashLeafBytes);

// The hashes of the leaves of files (common/base/hash/tree_hash.h): one row for each known leaf. A
// row for a leaf within the file is always right. Rows past its end mean nothing. Not thread-safe.
class LeafHashes {
 public:
  explicit LeafHashes(CatalogEnv* env) : env_(*env) {}

  // The number of leaves of a file of `bytes`.
  uint64_t LeavesOf(uint64_t bytes) const;

  // Call it when the bytes [begin, end) of file `id` change; the file then has `size` bytes. `hash`
  // is that of HashForWrite(), or empty. Sets the hash of the leaf that `hash` covers whole, and
  // forgets the hashes of the other leaves in the range.
  void OnWrite(Transaction& edit, uint64_t id, uint64_t begin, uint64_t end, uint64_t size,
               absl::string_view hash) const;
  // Call it when the file is cut to `size` bytes.
  void OnTruncate(Transaction& edit, uint64_t id, uint64_t size) const;
  // Sets the hash of one leaf.
  void Put(Transaction& edit, uint64_t id, uint64_t leaf, absl::string_view hash) const;

  // The hashes of the leaves from `leaf` on, up to the first unknown one. At most `limit`, and none
  // past the end of a file of `size` bytes.
  absl::StatusOr<std::vector<std::string>> Known(uint64_t id, uint64_t leaf, uint64_t size,
                                                 int limit) const;

  // The hash of the whole file, kHashBytes; empty if it is not known.
  absl::StatusOr<std::string> OfFile(uint64_t id, const records::Inode& inode) const;

  // Forgets some of very many leaves; that needs a commit of its own. False: only a few or none are
  // left, for ClearLast().
  absl::StatusOr<bool> ClearStep(Transaction& edit, uint64_t id) const;
  // Forgets the last few leaves, in the commit that removes the file's last extents.
  absl::Status ClearLast(Transaction& edit, uint64_t id) const;

 private:
  CatalogEnv& env_;
};

}  // namespace convergia::datamgr
