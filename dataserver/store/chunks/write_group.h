#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/chunks/active_segments.h"
#include "dataserver/store/chunks/store_health.h"
#include "dataserver/store/index/chunk_index.h"
#include "dataserver/store/index/disk_budget.h"
#include "dataserver/store/index/store_ledger.h"

namespace convergia::dataserver {

// The parts of the store. Each must outlive all its users.
struct StoreParts {
  disk::Disk* disk = nullptr;
  ChunkIndex* index = nullptr;
  StoreLedger* ledger = nullptr;
  SegmentFiles* files = nullptr;
  DiskBudget* space = nullptr;
  StoreHealth* health = nullptr;
};

// A chunk to be written.
struct NewChunk {
  ChunkKey key;
  std::string bytes;
  uint64_t checksum = 0;
  std::vector<uint64_t> block_checksums;
};

// A record that compaction copied.
struct MovedRecord {
  ChunkKey key;
  ChunkRow from;
  ChunkRow to;
};

// Changes that become durable and visible together: append, sync once, then write the index. Only
// the writer's thread makes groups, one at a time.
//
// The status of each change says whether it is in the group. Commit() says whether the group
// counts.
class WriteGroup {
 public:
  WriteGroup(const StoreParts& parts, ActiveSegments* active) : parts_(parts), active_(active) {}

  // Adds a chunk. OK without a write if the same chunk exists and is not known to be bad.
  //
  // Errors: FailCode::kNoSpace; FailCode::kExists if the key has other bytes; kUnavailable.
  absl::Status Put(const NewChunk& chunk);

  // Deletes a chunk. OK if it does not exist. Errors: kUnavailable; FailCode::kNoSpace.
  absl::Status Delete(const ChunkKey& key);

  // Points the index to copies of records, except those that changed meanwhile. `row` is that of
  // the segment with the copies, which must be synced.
  absl::Status Move(const std::vector<MovedRecord>& records, SegmentId segment,
                    const SegmentRow& row);

  // Marks the chunk of a damaged record as bad. A damaged tombstone is written again, because the
  // index has its whole content.
  absl::Status MarkBad(const ChunkKey& key, const ChunkRow& row, const std::string& reason);

  // After an error no change of the group counts. StoreHealth has the reason.
  absl::Status Commit();

 private:
  struct Change {
    ChunkKey key;
    std::optional<ChunkRow> before;
    ChunkRow after;
  };

  absl::StatusOr<std::optional<ChunkRow>> Find(const ChunkKey& key) const;
  absl::StatusOr<ChunkRow> Append(RecordHead head, absl::string_view payload);
  absl::Status AppendTombstone(const ChunkKey& key, const ChunkRow& before);
  absl::Status MakeRoom();
  void Set(const ChunkKey& key, const std::optional<ChunkRow>& before, const ChunkRow& after);
  absl::Status WriteIndex(const std::map<SegmentId, SegmentRow>& segments);
  ChunkIndex::Batch MakeBatch(const std::map<SegmentId, SegmentRow>& segments) const;
  void Account();

  const StoreParts& parts_;
  ActiveSegments* const active_;
  std::vector<Change> changes_;
  absl::flat_hash_map<ChunkKey, ChunkRow> rows_;  // As the group leaves them.
  std::vector<std::pair<SegmentId, SegmentRow>> moved_to_;
  struct Bad {
    SegmentId segment;
    std::string reason;
  };
  absl::flat_hash_map<ChunkKey, Bad> bad_;  // Their rows stay as they are.
};

}  // namespace convergia::dataserver
