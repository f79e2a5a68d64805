#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// A part of a chunk, to be read.
struct Piece {
  ChunkRef chunk;
  uint32_t offset = 0;
  uint32_t length = 0;

  friend bool operator==(const Piece&, const Piece&) = default;
};

// Which chunks the bytes of a file are in. Extents of one inode never overlap; what is overwritten
// is cut out of them in the commit that puts the new one. Where that would be too many at once, the
// new one lies over them as the inode's overlay: in force from that commit on, and the old ones are
// cut away in steps.
//
// Chunks that lose their last extent go to the trash in the same commit. Not thread-safe.
//
// Errors of all: kDataLoss for a row that cannot be read, or says what cannot be.
class Extents {
 public:
  // How many extents one commit changes: two rows each, of the 100 that it may.
  static constexpr int kStepMax = 40;

  explicit Extents(CatalogEnv* env) : env_(*env) {}

  // Prepares that [begin, end) of inode `id` is `chunk`, as long as that, or nothing. `*inode`,
  // which has no overlay, is for the caller to put. Charges the owner, if it is a file.
  //
  // Errors: FailCode::kQuota.
  absl::Status Overwrite(Transaction& edit, uint64_t id, records::Inode* inode, uint64_t begin,
                         uint64_t end, const std::optional<ChunkRef>& chunk);

  // A step of clearing what lies under the overlay; nothing if there is none. `*inode` is for the
  // caller to put; it has no overlay any more after the last.
  absl::Status TidyStep(Transaction& edit, uint64_t id, records::Inode* inode);

  // A step of taking everything away from `inode`, which has no overlay. True: nothing is left.
  absl::StatusOr<bool> ClearStep(Transaction& edit, uint64_t id, const records::Inode& inode);

  // Where [begin, end), which is within it, is: in order and without gaps, but no more than
  // `pieces_max`, so perhaps not all of it.
  absl::StatusOr<std::vector<Piece>> Resolve(uint64_t id, const records::Inode& inode,
                                             uint64_t begin, uint64_t end, int pieces_max) const;

  // The volumes of the first `extents_max` extents, each once.
  absl::StatusOr<std::vector<uint64_t>> Volumes(uint64_t id, int extents_max) const;

 private:
  struct Row {
    uint64_t end = 0;
    records::Extent extent;
  };

  absl::StatusOr<std::vector<Row>> Overlapping(uint64_t id, uint64_t begin, uint64_t end,
                                               int limit) const;
  absl::Status Cut(Transaction& edit, uint64_t id, const std::vector<Row>& rows, uint64_t begin,
                   uint64_t end, std::vector<ChunkRef>* dead);
  absl::Status Use(Transaction& edit, uint64_t id, const records::Chunk& chunk);
  absl::Status Unuse(Transaction& edit, const records::Chunk& chunk, std::vector<ChunkRef>* dead);
  // Trash, and what the owner's usage changes by it and by `added_bytes`.
  absl::Status Bury(Transaction& edit, const records::Inode& inode,
                    const std::vector<ChunkRef>& dead, uint64_t added_cost);

  CatalogEnv& env_;
};

ChunkRef FromRecord(const records::Chunk& chunk);
records::Chunk ToRecord(const ChunkRef& chunk);

}  // namespace convergia::datamgr
