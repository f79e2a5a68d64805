#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/catalog/shelf.h"

namespace convergia::datamgr {

// What commits leave to be done: clearing what lies under an overlay, and taking apart what was
// deleted, in steps of one bounded commit each. Every step leaves the catalog whole; what is to be
// done stands in the store, so that a crash between two steps loses nothing. Not thread-safe.
class Chores {
 public:
  explicit Chores(Shelf* shelf) : shelf_(*shelf), extents_(shelf) {}

  // One step of some chore, another one each time, so that none keeps the others waiting. False:
  // there was none.
  absl::StatusOr<bool> Step();

  // One step of the chore of `inode`. False: it has none any more.
  absl::StatusOr<bool> StepOf(uint64_t inode);

  // All steps of the chore of `inode`.
  absl::Status Finish(uint64_t inode);

  // Trash whose grace is over, the oldest first: up to `limit` rows.
  struct Bag {
    std::string key;
    std::vector<ChunkRef> chunks;
  };
  absl::StatusOr<std::vector<Bag>> DueTrash(int limit) const;

  // Its chunks were released: the catalog forgets them. Again is no harm.
  absl::Status Forget(const Bag& bag);

 private:
  absl::Status Tidy(uint64_t id);
  absl::Status DeleteStep(uint64_t id);
  absl::Status DeleteFolderStep(uint64_t id, const records::Inode& folder);
  // Something of a folder that is being deleted: its inode goes too once it is empty.
  absl::StatusOr<bool> EmptyFile(Edit& edit, uint64_t id, const records::Inode& file);

  Shelf& shelf_;
  Extents extents_;
  uint64_t next_ = 0;  // The inode from which on Step() looks.
};

}  // namespace convergia::datamgr
