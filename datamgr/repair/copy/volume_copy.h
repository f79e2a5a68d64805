#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "datamgr/volumes/volume_types.h"

// Decides about the chunks of one volume, from the lists of its holders and the needs of the
// catalog.
namespace convergia::datamgr {

// A chunk as a server lists it.
struct ListedPiece {
  uint32_t length = 0;
  uint64_t checksum = 0;
  bool damaged = false;
};
using PieceList = std::map<ChunkId, ListedPiece>;

// Chunk lists from every server holding any of the volume.
struct VolumeLists {
  std::map<NodeId, PieceList> of;    // By server; each list is complete.
  std::map<ChunkId, uint32_t> live;  // Chunks that the catalog needs, with lengths; 0: not known.
  // Chunks from this number on are young: the catalog may be about to need them.
  ChunkId young = 0;

  bool IsNeeded(ChunkId chunk) const { return chunk >= young || live.contains(chunk); }
};

// The faults of a volume.
struct VolumeFindings {
  struct Piece {
    NodeId server = 0;
    ChunkId chunk = 0;
    uint32_t length = 0;
  };
  std::vector<Piece> orphans;  // The catalog does not need them: to be deleted there.
  std::vector<Piece> to_heal;  // A replica lacks them, or has them damaged; another one has them.
  std::vector<Piece> lost;     // Needed, and whole on none of the holders. `server` is 0.
};

// `replicas` must have all needed chunks. Other holders only serve as sources.
VolumeFindings FindFaults(const VolumeLists& lists, const std::vector<NodeId>& replicas);

// Copies a volume to one server, chunk by chunk. Chunks that the server has already are only
// verified.
//
// A core: Next() returns the steps to take, up to `depth` at a time; On...() reports their results.
// A chunk is read from the sources in turn until one delivers it. Not thread-safe.
class VolumeCopy {
 public:
  VolumeCopy(const VolumeLists& lists, NodeId target, std::vector<NodeId> sources);

  struct Step {
    enum class Kind { kVerify, kRead, kPut };
    Kind kind = Kind::kRead;
    NodeId server = 0;
    ChunkId chunk = 0;
    uint32_t length = 0;
    uint64_t checksum = 0;  // kRead: what the bytes must be.
  };
  // The next step that may be begun, if `depth` allows one more; nullopt: wait for one to end.
  std::optional<Step> Next(int depth);

  void OnVerified(ChunkId chunk, const absl::Status& status);
  // After OK the bytes are to be put: the returned step.
  std::optional<Step> OnRead(ChunkId chunk, const absl::Status& status);
  void OnPut(ChunkId chunk, const absl::Status& status);

  // True if nothing is under way and nothing is left. status() is then the outcome.
  bool IsDone() const;
  const absl::Status& status() const { return status_; }

  uint64_t bytes_done() const { return bytes_done_; }
  uint64_t bytes_copied() const { return bytes_copied_; }
  uint64_t bytes_total() const { return bytes_total_; }
  uint64_t chunks_total() const { return chunks_total_; }
  // Chunks that no source could deliver.
  const std::vector<ChunkId>& lost() const { return lost_; }

 private:
  struct Piece {
    uint32_t length = 0;
    uint64_t checksum = 0;
    bool at_target = false;
    std::vector<NodeId> sources;  // Yet to be tried, best last.
  };

  Step ReadStep(ChunkId chunk, const Piece& piece) const;
  void Fail(const absl::Status& status);
  void End(ChunkId chunk, bool copied);

  const NodeId target_;
  std::map<ChunkId, Piece> waiting_;  // Not begun.
  std::map<ChunkId, Piece> running_;
  std::vector<Step> again_;  // To be read from another source.
  int steps_ = 0;            // Under way.
  absl::Status status_;
  uint64_t bytes_done_ = 0;
  uint64_t bytes_copied_ = 0;
  uint64_t bytes_total_ = 0;
  uint64_t chunks_total_ = 0;
  std::vector<ChunkId> lost_;
};

}  // namespace convergia::datamgr
