#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/tree_hash.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/catalog/leaf_hashes.h"

namespace convergia::datamgr {

// Which leaves are to be read to know the hashes of files that somebody asked for: files that were
// written in small pieces, or before hashes were kept. One file after the other, leaf by leaf. A
// file that changes meanwhile is given up, until somebody asks again. Only in memory: a crash
// forgets who asked. Not thread-safe.
class HashWork {
 public:
  HashWork(CatalogEnv* env, const LeafHashes* hashes)
      : env_(*env), hashes_(*hashes), extents_(env) {}

  // Somebody wants to know the hash of `file`. Beyond kHashesWantedMax it is not remembered.
  void Want(uint64_t file);
  bool IsIdle() const { return !now_.has_value() && wanted_.empty(); }

  // A leaf to be read and hashed.
  struct Leaf {
    uint64_t file = 0;
    uint64_t version = 0;
    uint64_t number = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // The next one; nullopt: there is none now. At most one bounded commit; call again while
  // IsIdle() is false.
  absl::StatusOr<std::optional<Leaf>> Next();

  // Where the bytes of `leaf` from `from` on are: perhaps not all, but some. nullopt: the file has
  // changed, and its leaf is of no use any more.
  absl::StatusOr<std::optional<std::vector<Piece>>> Pieces(const Leaf& leaf, uint64_t from);

  // Its hash, kHashBytes. Nothing happens if the file has changed.
  absl::Status Put(const Leaf& leaf, const std::string& hash);

  // The file that is being worked at is given up.
  void GiveUp() { now_.reset(); }

 private:
  struct Progress {
    uint64_t file = 0;
    uint64_t version = 0;
    uint64_t bytes = 0;
    uint64_t known = 0;  // Leaves, from the beginning; all in `sum`.
    TreeHash sum;
  };
  // The inode of `file`, if it is still the content of `version`.
  absl::StatusOr<std::optional<records::Inode>> Load(Transaction& edit, uint64_t file,
                                                     uint64_t version) const;
  absl::Status Begin();
  absl::Status Complete();

  CatalogEnv& env_;
  const LeafHashes& hashes_;
  Extents extents_;
  std::deque<uint64_t> wanted_;
  absl::flat_hash_set<uint64_t> is_wanted_;
  std::optional<Progress> now_;
};

// Files whose hashes are wanted and not begun with.
inline constexpr size_t kHashesWantedMax = 10'000;

}  // namespace convergia::datamgr
