#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "dataserver/store/segments/segment_format.h"

// The decisions of the chunk store, as pure functions over structs: what fits, and which segment to
// compact.
namespace convergia::dataserver {

// ---- Space. Records that are admitted can be written, with room left for deletes, compaction and
// the index.

struct SpaceView {
  uint64_t capacity_bytes = 0;   // The operator's limit; the disk may have less.
  uint64_t used_bytes = 0;       // Segments, without the reserve.
  uint64_t disk_free_bytes = 0;  // Of the file system.
  uint64_t reserve_bytes = 0;    // Kept for deletes and compaction.
  bool reserve_is_held = false;  // The reserve exists as a file.
  uint64_t index_bytes = 0;      // The index may still grow by this.
};

// The bytes of records that may still be written. 0 while the reserve is not held.
uint64_t AdmissibleBytes(const SpaceView& space);

// Whether the disk has room to take the reserve back.
bool MayTakeReserve(const SpaceView& space);

// ---- Compaction.

struct SegmentView {
  SegmentId segment = 0;
  uint64_t volume = 0;
  uint64_t bytes = 0;           // Of the file.
  uint64_t live_bytes = 0;      // Of records that must be kept.
  bool is_active = false;       // The writer may append to it.
  bool has_bad_chunks = false;  // Their remains must stay.
  bool has_bad_header = false;  // Its records must move to another segment.
};

// Chooses the segment that recovers the most bytes for each byte to copy; nullopt if none
// qualifies. It must be at least half dead, or 1/20 when space is short, and its live bytes must
// fit into `room_bytes`. A segment with a bad header goes first. An active segment must be sealed
// first, so it must have at least 1 MiB dead, unless space is short. One with bad chunks is never
// chosen.
std::optional<SegmentView> ChooseCompaction(absl::Span<const SegmentView> segments,
                                            bool space_is_short, uint64_t room_bytes);

}  // namespace convergia::dataserver
