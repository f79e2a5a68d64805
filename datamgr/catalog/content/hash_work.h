#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/hash/tree_hash.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/catalog/content/leaf_hashes.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// Chooses the leaves to read for hashes that clients asked for. It concerns files written in small
// pieces, or before hashes were kept. It works on one file after the other, leaf by leaf, and gives
// up a file that changes meanwhile. Only in memory: a crash forgets the requests. Not thread-safe.
class HashWork {
 public:
  HashWork(CatalogEnv* env, const LeafHashes* hashes)
      : env_(*env), hashes_(*hashes), extents_(env) {}

  // Requests the hash of `file`. Beyond kHashesWantedMax files, requests are dropped.
  void Want(uint64_t file);
  // Whether there is nothing to do.
  bool IsIdle() const { return !now_.has_value() && wanted_.empty(); }

  // A leaf to read and hash: the bytes [begin, end) of the file.
  struct Leaf {
    uint64_t file = 0;
    uint64_t version = 0;
    uint64_t number = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // The next leaf. nullopt: none now; call again while IsIdle() is false. Makes at most one bounded
  // commit.
  absl::StatusOr<std::optional<Leaf>> Next();

  // The pieces of `leaf` from byte `from` of the file on: at least one, perhaps not all. nullopt:
  // the file has changed, so its leaf is obsolete.
  absl::StatusOr<std::optional<std::vector<Piece>>> Pieces(const Leaf& leaf, uint64_t from);

  // Stores the hash of `leaf`, kHashBytes. Does nothing if the file has changed.
  absl::Status Put(const Leaf& leaf, const std::string& hash);

  // Abandons the file in progress.
  void GiveUp() { now_.reset(); }

 private:
  struct Progress {
    uint64_t file = 0;
    uint64_t version = 0;
    uint64_t bytes = 0;
    uint64_t known = 0;  // Leaves from the beginning whose hashes are in `sum`.
    TreeHash sum;
  };
  // The inode of `file`; nullopt if it is gone or has another version. `version` 0 means any.
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

// The most files that wait for their hashes.
inline constexpr size_t kHashesWantedMax = 10'000;

}  // namespace convergia::datamgr
