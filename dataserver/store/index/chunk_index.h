#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/disk/disk.h"
#include "dataserver/store/segments/segment_format.h"

namespace rocksdb {
class DB;
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace convergia::dataserver {

// The place of a chunk's newest record. `offset` and `length` (of the payload) are bytes.
struct ChunkRow {
  RecordKind kind = RecordKind::kChunk;
  SegmentId segment = 0;
  uint64_t offset = 0;
  uint32_t length = 0;
  uint64_t sequence = 0;
  uint64_t checksum = 0;

  bool is_chunk() const { return kind == RecordKind::kChunk; }
  uint64_t record_bytes() const { return RecordBytes(length); }
  friend bool operator==(const ChunkRow&, const ChunkRow&) = default;
};

// Greater than every sequence number.
inline constexpr uint64_t kNoSequence = ~uint64_t{0};

// The index's record of a segment.
struct SegmentRow {
  uint64_t volume = 0;
  uint64_t salt = 0;
  uint64_t indexed_to = 0;                      // All bytes before it are durable and indexed.
  uint64_t first_chunk_sequence = kNoSequence;  // Lowest of its chunk records, also dead ones.
  uint64_t last_sequence = 0;
};

// The record that counts for each chunk, in RocksDB. A scan of the segments can rebuild all of it,
// so writes are not synced unless the caller asks. After a crash the index is in one of its earlier
// states. SegmentRow::indexed_to tells from where to scan.
//
// Thread-safe.
class ChunkIndex {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    std::string dir;
    size_t write_buffer_bytes = 4 * 1024 * 1024;
  };

  // Opens the index or creates one. Errors: kDataLoss if it is damaged or of another format: Wipe()
  // it and scan the segments.
  static absl::StatusOr<std::unique_ptr<ChunkIndex>> Open(const Options& options);
  // Deletes the index.
  static absl::Status Wipe(const Options& options);
  ~ChunkIndex();

  // Changes that are applied together.
  class Batch {
   public:
    Batch();
    Batch(Batch&&) noexcept;
    Batch& operator=(Batch&&) noexcept;
    ~Batch();

    void PutChunk(const ChunkKey& key, const ChunkRow& row);
    void RemoveChunk(const ChunkKey& key);
    void PutSegment(SegmentId segment, const SegmentRow& row);
    void RemoveSegment(SegmentId segment);
    // Removes all rows of chunks and tombstones, and all bad marks.
    void RemoveVolume(uint64_t volume);
    void MarkBad(const ChunkKey& key, absl::string_view reason);
    void ClearBad(const ChunkKey& key);
    void PutScrubPosition(const ChunkKey& next);

   private:
    friend class ChunkIndex;
    std::unique_ptr<rocksdb::WriteBatch> writes_;
  };

  // Applies `batch` without a sync. Errors: FailCode::kNoSpace, retry after Resume(); kUnavailable
  // or kDataLoss otherwise.
  absl::Status Write(Batch batch);
  // The same, and makes it and all earlier writes durable.
  absl::Status WriteDurably(Batch batch);
  // Makes all earlier writes durable.
  absl::Status Sync();
  // Leaves RocksDB's error state after kNoSpace. Call it once there is room.
  absl::Status Resume();

  absl::StatusOr<std::optional<ChunkRow>> Find(const ChunkKey& key) const;

  // Rows of chunks and tombstones in key order from `from` on. At most `rows_max`, and only those
  // of `volume` if it is given.
  absl::StatusOr<std::vector<std::pair<ChunkKey, ChunkRow>>> List(
      const ChunkKey& from, size_t rows_max, std::optional<uint64_t> volume = std::nullopt) const;

  absl::StatusOr<std::vector<std::pair<SegmentId, SegmentRow>>> Segments() const;
  absl::StatusOr<std::vector<std::pair<ChunkKey, std::string>>> BadMarks() const;
  absl::StatusOr<ChunkKey> ScrubPosition() const;

 private:
  ChunkIndex(std::unique_ptr<rocksdb::Env> env, std::unique_ptr<rocksdb::DB> db);
  absl::Status CheckFormat();
  absl::Status ForEach(absl::string_view begin, absl::string_view end,
                       const std::function<bool(absl::string_view, absl::string_view)>& row) const;

  const std::unique_ptr<rocksdb::Env> env_;  // Must outlive the database.
  const std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace convergia::dataserver
