#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "dataserver/store/segment_format.h"

// What the chunk store decides, over plain structs: what still fits, and which segment to compact.
namespace convergia::dataserver {

// ---- Space. Capacity is a promise: what is admitted can be written, with room left for deletes,
// for compaction and for the index.

struct SpaceView {
  uint64_t capacity_bytes = 0;   // What the operator lets us use; the disk may have less.
  uint64_t used_bytes = 0;       // Segments, without the reserve.
  uint64_t disk_free_bytes = 0;  // Of the file system, for anybody.
  uint64_t reserve_bytes = 0;    // Kept for deletes and compaction,
  bool reserve_is_held = false;  // as a file of that size.
  uint64_t index_bytes = 0;      // How much the index may still grow.
};

// How many bytes of records may still be written. 0 while the reserve is not held.
uint64_t AdmissibleBytes(const SpaceView& space);

// Whether the disk has room to take the reserve back.
bool MayTakeReserve(const SpaceView& space);

// ---- Compaction.

struct SegmentView {
  SegmentId segment = 0;
  uint64_t volume = 0;
  uint64_t bytes = 0;           // Of the file.
  uint64_t live_bytes = 0;      // Of records that must be kept.
  bool is_active = false;       // Records are being appended.
  bool has_bad_chunks = false;  // What is left of them must stay.
  bool has_bad_header = false;  // What is in it must go elsewhere.
};

// The segment that gives back the most for the least copying; nullopt if none is worth it: at least
// half of it dead, or a twentieth when space is short, and `room_bytes` must hold what is copied.
// One with a bad header is worth it first of all.
// An active one must be sealed first, so it must give back some more, unless space is short.
std::optional<SegmentView> ChooseCompaction(absl::Span<const SegmentView> segments,
                                            bool space_is_short, uint64_t room_bytes);

}  // namespace convergia::dataserver
