#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/index/chunk_index.h"
#include "dataserver/store/index/store_ledger.h"
#include "dataserver/store/segments/segment_files.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {

// A verified piece of a chunk.
struct ChunkBytes {
  std::string bytes;
  uint64_t checksum = 0;  // XXH3-64 of `bytes`.
  uint32_t chunk_length = 0;
};

// A whole verified record.
struct StoredRecord {
  RecordHead head;
  std::string payload;
};

// Reads chunks. It returns no byte before it has compared the byte's checksum.
//
// Thread-safe. Blocks on the disk.
class ChunkReader {
 public:
  // Called for each damaged record. Any reading thread; must not block.
  using BadListener =
      std::function<void(const ChunkKey&, const ChunkRow&, const std::string& reason)>;

  // All arguments must outlive the reader.
  ChunkReader(const ChunkIndex* index, const StoreLedger* ledger, SegmentFiles* files,
              BadListener on_bad)
      : index_(index), ledger_(ledger), files_(files), on_bad_(std::move(on_bad)) {}

  // Reads at most `length` bytes of the chunk from `offset` on; fewer only at its end.
  //
  // Errors: FailCode::kNotFound; kOutOfRange if `offset` is past the end; kDataLoss if the record
  // is damaged; kUnavailable if compaction moves it again and again.
  absl::StatusOr<ChunkBytes> Read(const ChunkKey& key, uint32_t offset, uint32_t length) const;

  // Reads the whole chunk from the medium, not from the page cache. Errors: as Read().
  absl::Status Verify(const ChunkKey& key) const;

  // Verifies the record of `row`, of either kind, from the medium, with its padding. Errors:
  // kDataLoss if any byte differs from what was written; kNotFound if the segment is gone.
  absl::Status VerifyRow(const ChunkKey& key, const ChunkRow& row) const;

  // Verifies the header of a segment on the medium. Errors: kDataLoss if a byte differs; kNotFound.
  absl::Status VerifyHeader(SegmentId segment, const SegmentRow& row) const;

  // Reads the record of `row`. Errors: as Read(), and kNotFound if the segment is gone.
  absl::StatusOr<StoredRecord> ReadRecord(const ChunkKey& key, const ChunkRow& row) const;

 private:
  absl::StatusOr<ChunkBytes> ReadRow(const ChunkKey& key, const ChunkRow& row, uint32_t offset,
                                     uint32_t length, bool from_medium) const;
  absl::StatusOr<ChunkBytes> FindAndRead(const ChunkKey& key, uint32_t offset, uint32_t length,
                                         bool from_medium) const;
  // The file and salt to read a row's record.
  struct Place {
    std::shared_ptr<const disk::File> file;
    uint64_t salt = 0;
  };
  absl::StatusOr<Place> Open(const ChunkKey& key, const ChunkRow& row) const;
  absl::Status VerifyPadding(const Place& place, const ChunkKey& key, const ChunkRow& row) const;
  absl::StatusOr<RecordHead> ReadHead(const Place& place, const ChunkKey& key,
                                      const ChunkRow& row) const;
  absl::Status Damaged(const ChunkKey& key, const ChunkRow& row, absl::string_view reason) const;

  const ChunkIndex* const index_;
  const StoreLedger* const ledger_;
  SegmentFiles* const files_;
  const BadListener on_bad_;
};

}  // namespace convergia::dataserver
