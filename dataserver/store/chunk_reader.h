#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/chunk_index.h"
#include "dataserver/store/segment_files.h"
#include "dataserver/store/segment_format.h"
#include "dataserver/store/store_ledger.h"

namespace convergia::dataserver {

// A piece of a chunk, verified.
struct ChunkBytes {
  std::string bytes;
  uint64_t checksum = 0;  // Of `bytes`.
  uint32_t chunk_length = 0;
};

// A whole record, verified.
struct StoredRecord {
  RecordHead head;
  std::string payload;
};

// Reads chunks, and never hands out a byte whose checksum was not compared first.
//
// Thread-safe; blocks on the disk.
class ChunkReader {
 public:
  // Told of each record that is not what it should be. Must not block.
  using BadListener =
      std::function<void(const ChunkKey&, const ChunkRow&, const std::string& reason)>;

  // All outlive the reader.
  ChunkReader(const ChunkIndex* index, const StoreLedger* ledger, SegmentFiles* files,
              BadListener on_bad)
      : index_(index), ledger_(ledger), files_(files), on_bad_(std::move(on_bad)) {}

  // At most `length` bytes of the chunk from `offset` on, fewer at its end.
  //
  // Errors: FailCode::kNotFound; kOutOfRange if `offset` is past the end; kDataLoss if what is here
  // is damaged.
  absl::StatusOr<ChunkBytes> Read(const ChunkKey& key, uint32_t offset, uint32_t length) const;

  // Reads all of it from the medium, not from memory. Errors: as Read().
  absl::Status Verify(const ChunkKey& key) const;

  // The same for a row of either kind, padding too: anything but what was written there is
  // kDataLoss. kNotFound if it has moved meanwhile.
  absl::Status VerifyRow(const ChunkKey& key, const ChunkRow& row) const;

  // The header of a segment, on the medium. Errors: kDataLoss if a byte of it is wrong; kNotFound.
  absl::Status VerifyHeader(SegmentId segment, const SegmentRow& row) const;

  // Of exactly this row. Errors: as Read(), kNotFound if the segment is gone.
  absl::StatusOr<StoredRecord> ReadRecord(const ChunkKey& key, const ChunkRow& row) const;

 private:
  absl::StatusOr<ChunkBytes> ReadRow(const ChunkKey& key, const ChunkRow& row, uint32_t offset,
                                     uint32_t length, bool from_medium) const;
  absl::StatusOr<ChunkBytes> FindAndRead(const ChunkKey& key, uint32_t offset, uint32_t length,
                                         bool from_medium) const;
  // Where a row's record can be read.
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
