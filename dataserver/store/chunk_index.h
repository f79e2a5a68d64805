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
#include "dataserver/store/segment_format.h"

namespace rocksdb {
class DB;
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace convergia::dataserver {

// Where the newest record of a chunk is.
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

inline constexpr uint64_t kNoSequence = ~uint64_t{0};

// What the index knows of a segment.
struct SegmentRow {
  uint64_t volume = 0;
  uint64_t salt = 0;
  uint64_t indexed_to = 0;                      // All before is durable and in the index.
  uint64_t first_chunk_sequence = kNoSequence;  // The lowest of its chunk records, dead ones too.
  uint64_t last_sequence = 0;
};

// Which record counts for each chunk, in RocksDB. Only a convenience: all of it can be found again
// by scanning the segments, so it is never synced. What survives a crash is some state it was in,
// and SegmentRow::indexed_to says from where to go on.
//
// Thread-safe.
class ChunkIndex {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    std::string dir;
    size_t write_buffer_bytes = 4 * 1024 * 1024;
  };

  // Errors: kDataLoss if what is there cannot be used: Wipe() it and scan the segments.
  static absl::StatusOr<std::unique_ptr<ChunkIndex>> Open(const Options& options);
  static absl::Status Wipe(const Options& options);
  ~ChunkIndex();

  // Changes that take effect together.
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
    // All chunks, marks and tombstones.
    void RemoveVolume(uint64_t volume);
    void MarkBad(const ChunkKey& key, absl::string_view reason);
    void ClearBad(const ChunkKey& key);
    void PutScrubPosition(const ChunkKey& next);

   private:
    friend class ChunkIndex;
    std::unique_ptr<rocksdb::WriteBatch> writes_;
  };

  // Errors: FailCode::kNoSpace; after Resume() it may be tried again. kUnavailable for the rest.
  absl::Status Write(Batch batch);
  // The same, and durable, with all that was written before.
  absl::Status WriteDurably(Batch batch);
  // Makes all that was written durable.
  absl::Status Sync();
  // Once there is room again.
  absl::Status Resume();

  absl::StatusOr<std::optional<ChunkRow>> Find(const ChunkKey& key) const;

  // Rows of all kinds in order of their keys, from `from` on; at most `rows_max`, and only those of
  // `volume` if it is given.
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

  const std::unique_ptr<rocksdb::Env> env_;  // Outlives the database.
  const std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace convergia::dataserver
