#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/catalog/content/leaf_hashes.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// Work that commits leave for later: cutting the extents below an overlay, and deleting the content
// of deleted files and folders. Each step is one bounded commit and leaves the catalog consistent.
// The store keeps the work, one row for each inode, so a crash between two steps loses nothing. Not
// thread-safe.
class DeferredWork {
 public:
  explicit DeferredWork(CatalogEnv* env) : env_(*env), extents_(env), hashes_(env) {}

  // Does one step for one inode with deferred work. The next call takes the next inode, so no inode
  // makes the others wait. False: there is no work.
  absl::StatusOr<bool> Step();

  // Does one step for `inode`. False: no work is left for it.
  absl::StatusOr<bool> StepOf(uint64_t inode);

  // Trash whose grace is over, the oldest first: at most `limit` rows that Forget() has not
  // removed.
  struct TrashEntry {
    std::string key;
    std::vector<ChunkRef> chunks;
  };
  absl::StatusOr<std::vector<TrashEntry>> DueTrash(int limit);

  // Examines one part that is due. Deletes it if it was not written to for
  // CatalogOptions::part_lifetime, else sets its new due time. False: no part is due.
  absl::StatusOr<bool> ExpirePart();

  // Marks the chunks of `entry` not live, so repair does not report them lost. Call it before the
  // chunks are released. Idempotent.
  absl::Status LetGo(const TrashEntry& entry);

  // Removes the row of `entry`. Call it after its chunks were released. Idempotent.
  absl::Status Forget(const TrashEntry& entry);

 private:
  absl::Status Tidy(uint64_t id);
  absl::Status DeleteStep(uint64_t id);
  absl::Status DeleteFolderStep(uint64_t id, const records::Inode& folder);
  // Does one step of deleting the file `id` with its content. True: its inode is deleted too.
  absl::StatusOr<bool> EmptyFile(Transaction& edit, uint64_t id, const records::Inode& file);

  CatalogEnv& env_;
  Extents extents_;
  LeafHashes hashes_;
  // The first entry of a folder that is being deleted. The key is empty if there is none.
  absl::StatusOr<store::KeyValue> FirstEntry(uint64_t folder);

  uint64_t next_ = 0;  // Step() searches from this inode on.
  // Where the next scan begins. The store skips deleted rows one by one. A scan that always
  // began at the first row would slow down with each deleted row.
  absl::flat_hash_map<uint64_t, std::string> entries_from_;  // By folder: those on one way down.
  std::string trash_from_;
  std::string parts_from_;
  uint64_t looks_ = 0;  // Scans for due trash since Open().
  uint64_t looks_for_parts_ = 0;
};

}  // namespace convergia::datamgr
