#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataserver/store/active_segments.h"
#include "dataserver/store/chunk_index.h"
#include "dataserver/store/disk_budget.h"
#include "dataserver/store/store_health.h"
#include "dataserver/store/store_ledger.h"

namespace convergia::dataserver {

// What the store is made of; each outlives all who work with it.
struct StoreParts {
  disk::Disk* disk = nullptr;
  ChunkIndex* index = nullptr;
  StoreLedger* ledger = nullptr;
  SegmentFiles* files = nullptr;
  DiskBudget* space = nullptr;
  StoreHealth* health = nullptr;
};

// A chunk on its way to the disk.
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

// Changes that become durable, and then visible, together: append, sync once, then the index. Only
// the writer's thread makes groups, one after the other.
//
// The status of each change says whether it is in the group; whether it counts says Commit().
class WriteGroup {
 public:
  WriteGroup(const StoreParts& parts, ActiveSegments* active) : parts_(parts), active_(active) {}

  // OK and nothing more if the same chunk is there and not known to be bad.
  //
  // Errors: FailCode::kNoSpace; FailCode::kExists if other bytes are there under this key;
  // kUnavailable.
  absl::Status Put(const NewChunk& chunk);

  // OK if it is not there. Errors: kUnavailable.
  absl::Status Delete(const ChunkKey& key);

  // Records are elsewhere now, unless they changed meanwhile. `row`: of the segment they are in,
  // which is synced.
  absl::Status Move(const std::vector<MovedRecord>& records, SegmentId segment,
                    const SegmentRow& row);

  // `row` of `key` does not hold what it should. A tombstone is written anew: all that it said is
  // in the index.
  absl::Status MarkBad(const ChunkKey& key, const ChunkRow& row, const std::string& reason);

  // Errors: nothing of the group counts; StoreHealth says why.
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
  absl::flat_hash_map<ChunkKey, Bad> bad_;  // Of rows that the group leaves as they are.
};

}  // namespace convergia::dataserver
