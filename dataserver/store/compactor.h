#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/chunks/active_segments.h"
#include "dataserver/store/chunks/chunk_reader.h"
#include "dataserver/store/chunks/chunk_writer.h"

namespace convergia::dataserver {

// Recovers the room of dead records: copies the live records of a segment to another segment, then
// removes the file. Each step is durable before the next: it syncs the copies, then points the
// index to them, then removes the old file. A crash at any point loses nothing: the next start
// counts the leftover records as dead.
//
// Not thread-safe. Blocks on the disk and on the writer.
class Compactor {
 public:
  // The parts, the reader and the writer must outlive it. A segment with copies grows to
  // `segment_bytes` at most.
  Compactor(const StoreParts& parts, const ChunkReader* reader, ChunkWriter* writer,
            uint64_t segment_bytes)
      : parts_(parts), reader_(reader), writer_(writer), segment_bytes_(segment_bytes) {}

  // Compacts the segment that ChooseCompaction() names. False: there is none.
  //
  // Errors: FailCode::kNoSpace; kDataLoss if a record in it is damaged, and the segment then stays;
  // kUnavailable if the store is read-only or the writer has stopped; those of the disk.
  absl::StatusOr<bool> CompactOnce();

 private:
  using Rows = std::vector<std::pair<ChunkKey, ChunkRow>>;

  absl::Status Compact(const SegmentView& victim);
  absl::StatusOr<Rows> RowsIn(const SegmentView& victim) const;
  absl::Status Copy(const ChunkKey& key, const ChunkRow& row);
  absl::Status OpenTarget(uint64_t volume, uint64_t record_bytes);
  // Makes the copies durable, then points the index to them.
  absl::Status Flush();
  // Returns the target segment to the writer, which may append to it.
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
