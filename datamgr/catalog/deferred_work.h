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

// Work that commits leave for later: cutting the extents below an overlay, and deleting the content
// of what was deleted. Each step is one bounded commit and leaves the catalog consistent. The work
// is recorded in the store, one row for each inode, so a crash between two steps loses nothing. Not
// thread-safe.
class DeferredWork {
 public:
  explicit DeferredWork(CatalogEnv* env) : env_(*env), extents_(env), hashes_(env) {}

  // One step for some inode with deferred work; the next call takes the next inode, so none makes
  // the others wait. False: there is no work.
  absl::StatusOr<bool> Step();

  // One step for `inode`. False: no work is left for it.
  absl::StatusOr<bool> StepOf(uint64_t inode);

  // Trash whose grace is over, the oldest first: up to `limit` rows that were not forgotten.
  struct TrashEntry {
    std::string key;
    std::vector<ChunkRef> chunks;
  };
  absl::StatusOr<std::vector<TrashEntry>> DueTrash(int limit);

  // Deletes one part that was not written to for CatalogOptions::part_lifetime, or finds that one
  // was. False: none is due.
  absl::StatusOr<bool> ExpirePart();

  // Call it before its chunks are released. Marks chunks not live, so repair does not report them
  // lost. Idempotent.
  absl::Status LetGo(const TrashEntry& entry);

  // Call it after its chunks were released: the catalog forgets them. Idempotent.
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
  // Where the next scan begins. The store skips deleted rows one by one, so a scan that always
  // began at the first row would slow down with each deleted one.
  absl::flat_hash_map<uint64_t, std::string> entries_from_;  // By folder; those on one way down.
  std::string trash_from_;
  std::string parts_from_;
  uint64_t looks_ = 0;  // For trash, ever.
  uint64_t looks_for_parts_ = 0;
};

}  // namespace convergia::datamgr
