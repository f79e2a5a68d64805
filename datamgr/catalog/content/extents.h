#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/transactions/catalog_env.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// A range of a chunk that is read. `offset` and `length` are in bytes.
struct Piece {
  ChunkRef chunk;
  uint32_t offset = 0;
  uint32_t length = 0;

  friend bool operator==(const Piece&, const Piece&) = default;
};

// Maps the bytes of a file, or of a message's body, to chunks. Extents of one inode never overlap:
// the commit that writes a new extent cuts the overwritten range out of the old ones. If one commit
// cannot cut that many, the new extent becomes the inode's overlay. The overlay counts from that
// commit on. The commit also leaves a Chore, by which later steps cut away the extents below it.
//
// A chunk that loses its last extent goes to the trash in the same commit. Not thread-safe.
//
// Errors of every function: kDataLoss for a row that cannot be parsed or has impossible values;
// those of PipelinedStore::Scan() and of Numbers::Next().
class Extents {
 public:
  // One commit changes at most this many extents. Each costs two rows of the 100 that a commit may
  // change.
  static constexpr int kStepMax = 40;

  explicit Extents(CatalogEnv* env) : env_(*env) {}

  // Prepares in `edit` that `chunk` becomes the bytes [begin, end) of inode `id`. The chunk has
  // exactly that length. nullopt: the range becomes empty, for a cut of the end. `*inode` must have
  // no overlay. The caller puts `*inode` into `edit`. Charges the owner of a file.
  //
  // Errors: FailCode::kQuota; kDataLoss if there is an overlay.
  absl::Status Overwrite(Transaction& edit, uint64_t id, records::Inode* inode, uint64_t begin,
                         uint64_t end, const std::optional<ChunkRef>& chunk);

  // Does one step of cutting away the extents below the overlay; nothing if there is no overlay.
  // The caller puts `*inode` into `edit`. The last step removes the overlay and its Chore.
  absl::Status TidyStep(Transaction& edit, uint64_t id, records::Inode* inode);

  // Does one step of removing all extents of `inode`, which must have no overlay. True: none is
  // left.
  absl::StatusOr<bool> ClearStep(Transaction& edit, uint64_t id, const records::Inode& inode);

  // The pieces that hold [begin, end), which must be within the file: in order and without gaps. At
  // most `pieces_max` pieces, so they may end before `end`.
  absl::StatusOr<std::vector<Piece>> Resolve(uint64_t id, const records::Inode& inode,
                                             uint64_t begin, uint64_t end, int pieces_max) const;

  // The volumes of the first `extents_max` extents, sorted, each once. The overlay's volume is not
  // among them.
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
  // Puts `dead` into the trash. Charges a file's owner `added_cost` less the cost of `dead`.
  absl::Status Bury(Transaction& edit, const records::Inode& inode,
                    const std::vector<ChunkRef>& dead, uint64_t added_cost);

  CatalogEnv& env_;
};

ChunkRef FromRecord(const records::Chunk& chunk);
records::Chunk ToRecord(const ChunkRef& chunk);

}  // namespace convergia::datamgr
