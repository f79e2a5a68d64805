#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/catalog/leaf_hashes.h"

namespace convergia::datamgr {

// What commits leave to be done: clearing what lies under an overlay, and taking apart what was
// deleted, in steps of one bounded commit each. Every step leaves the catalog whole; what is to be
// done stands in the store, so that a crash between two steps loses nothing. Not thread-safe.
class DeferredWork {
 public:
  explicit DeferredWork(CatalogEnv* env) : env_(*env), extents_(env), hashes_(env) {}

  // One step of some chore, another one each time, so that none keeps the others waiting. False:
  // there was none.
  absl::StatusOr<bool> Step();

  // One step of the chore of `inode`. False: it has none any more.
  absl::StatusOr<bool> StepOf(uint64_t inode);

  // All steps of the chore of `inode`.
  absl::Status Finish(uint64_t inode);

  // Trash whose grace is over, the oldest first: up to `limit` rows that were not forgotten.
  struct TrashEntry {
    std::string key;
    std::vector<ChunkRef> chunks;
  };
  absl::StatusOr<std::vector<TrashEntry>> DueTrash(int limit);

  // Deletes one part that was not written to for CatalogOptions::part_lifetime, or finds that one
  // was. False: none is due.
  absl::StatusOr<bool> ExpirePart();

  // Its chunks are about to be released: from now on nobody takes them for live, and so neither for
  // lost when servers delete them. Again is no harm.
  absl::Status LetGo(const TrashEntry& entry);

  // Its chunks were released: the catalog forgets them. Again is no harm.
  absl::Status Forget(const TrashEntry& entry);

 private:
  absl::Status Tidy(uint64_t id);
  absl::Status DeleteStep(uint64_t id);
  absl::Status DeleteFolderStep(uint64_t id, const records::Inode& folder);
  // Something of a folder that is being deleted: its inode goes too once it is empty.
  absl::StatusOr<bool> EmptyFile(Transaction& edit, uint64_t id, const records::Inode& file);

  CatalogEnv& env_;
  Extents extents_;
  LeafHashes hashes_;
  // The first entry of a folder that is being deleted; its row's key is empty if there is none.
  absl::StatusOr<store::KeyValue> FirstEntry(uint64_t folder);

  uint64_t next_ = 0;  // The inode from which on Step() looks.
  // From where on to look for rows of which those before were deleted: the store skips deleted rows
  // one by one, so whoever always begins at the first would be slower with each.
  absl::flat_hash_map<uint64_t, std::string> entries_from_;  // By folder; those on one way down.
  std::string trash_from_;
  std::string parts_from_;
  uint64_t looks_ = 0;  // For trash, ever.
  uint64_t looks_for_parts_ = 0;
};

}  // namespace convergia::datamgr
