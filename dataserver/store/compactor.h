#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/active_segments.h"
#include "dataserver/store/chunk_reader.h"
#include "dataserver/store/chunk_writer.h"

namespace convergia::dataserver {

// Gives the room of dead records back: copies what is live in a segment to another, then removes
// it. Each step is durable before the next: copies are synced before the index points to them, and
// the old file goes last. Cut short anywhere, nothing is lost, and the next start sees the rest as
// dead.
//
// One thread. Blocks on the disk and on the writer.
class Compactor {
 public:
  // All outlive it.
  Compactor(const StoreParts& parts, const ChunkReader* reader, ChunkWriter* writer,
            uint64_t segment_bytes)
      : parts_(parts), reader_(reader), writer_(writer), segment_bytes_(segment_bytes) {}

  // Compacts the segment that is most worth it. False if none is.
  //
  // Errors: it stays as it is; FailCode::kNoSpace, kDataLoss if something in it is damaged.
  absl::StatusOr<bool> CompactOnce();

 private:
  using Rows = std::vector<std::pair<ChunkKey, ChunkRow>>;

  absl::Status Compact(const SegmentView& victim);
  absl::StatusOr<Rows> RowsIn(const SegmentView& victim) const;
  absl::Status Copy(const ChunkKey& key, const ChunkRow& row);
  absl::Status OpenTarget(uint64_t volume, uint64_t record_bytes);
  // Makes what was copied durable, and the index point to it.
  absl::Status Flush();
  // Leaves the target to the writer, to go on at its end.
  void CloseTarget();

  const StoreParts parts_;
  const ChunkReader* const reader_;
  ChunkWriter* const writer_;
  const uint64_t segment_bytes_;

  std::unique_ptr<OpenSegment> target_;
  std::vector<MovedRecord> copied_;  // Since the last Flush().
  uint64_t copied_bytes_ = 0;
};

}  // namespace convergia::dataserver
