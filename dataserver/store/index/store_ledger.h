#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "dataserver/store/index/chunk_index.h"
#include "dataserver/store/segments/store_rules.h"

namespace convergia::dataserver {

// The part of the store that may append to a segment.
enum class SegmentUse {
  kSealed,  // None, for good.
  kOpen,    // The writer may open it again.
  kActive,  // The writer appends to it.
  kTarget,  // Compaction appends to it.
};

// The chunks of one volume here, without tombstones.
struct VolumeFacts {
  uint64_t volume = 0;
  uint64_t chunks = 0;
  uint64_t payload_bytes = 0;
};

// Sums over all segments and volumes.
struct LedgerTotals {
  uint64_t segments = 0;
  uint64_t file_bytes = 0;
  uint64_t live_bytes = 0;
  uint64_t chunks = 0;
  uint64_t bad_chunks = 0;
  uint64_t damage_found = 0;  // How often a chunk was marked bad since the start.
};

// The in-memory state of segments, volumes and bad chunks, derived from the segments and the index.
// Thread-safe. Once the store is open, only the writer's thread calls the functions that follow
// changes of the index: Count(), Discount(), MarkBad(), ClearBad() and ForgetVolume().
class StoreLedger {
 public:
  struct Entry {
    SegmentRow row;
    SegmentUse use = SegmentUse::kSealed;
    uint64_t file_bytes = 0;
    uint64_t live_bytes = 0;  // Records that the index points to, also tombstones.
    uint64_t tombstone_bytes = 0;
    uint64_t bad_chunks = 0;
    bool has_bad_header = false;  // Compaction moves its records to another segment.
  };

  // Segments. AddSegment() needs a new one, UpdateSegment() a known one. The other three do nothing
  // for an unknown segment.
  void AddSegment(SegmentId segment, const Entry& entry) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveSegment(SegmentId segment) ABSL_LOCKS_EXCLUDED(mu_);
  void UpdateSegment(SegmentId segment, const SegmentRow& row, uint64_t file_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  void SetUse(SegmentId segment, SegmentUse use) ABSL_LOCKS_EXCLUDED(mu_);
  void MarkBadHeader(SegmentId segment) ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Entry> Find(SegmentId segment) const ABSL_LOCKS_EXCLUDED(mu_);
  // The first segment numbered `segment` or higher.
  std::optional<std::pair<SegmentId, Entry>> FindFrom(SegmentId segment) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // The kOpen segment of `volume` with the highest number.
  std::optional<std::pair<SegmentId, Entry>> FindOpen(uint64_t volume) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<SegmentId> SegmentsOf(uint64_t volume) const ABSL_LOCKS_EXCLUDED(mu_);

  // Count a row that the index has got for `key`, and discount one that it no longer has.
  void Count(const ChunkKey& key, const ChunkRow& row) ABSL_LOCKS_EXCLUDED(mu_);
  void Discount(const ChunkKey& key, const ChunkRow& row) ABSL_LOCKS_EXCLUDED(mu_);

  // Marks a chunk as damaged, in `segment`. Returns false if it was marked before; then the first
  // mark stays.
  bool MarkBad(const ChunkKey& key, SegmentId segment, const std::string& reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  void ClearBad(const ChunkKey& key) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets the counts and bad marks of a dropped volume, but not its segments.
  void ForgetVolume(uint64_t volume) ABSL_LOCKS_EXCLUDED(mu_);
  bool IsBad(const ChunkKey& key) const ABSL_LOCKS_EXCLUDED(mu_);
  // At most `count_max` bad chunks after `after`, in order.
  std::vector<std::pair<ChunkKey, std::string>> BadChunks(const ChunkKey& after,
                                                          size_t count_max) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // The lowest sequence of all chunk records in the other segments of the volume of `segment`, also
  // dead records. An older tombstone can be dropped with its segment. kNoSequence if there is no
  // such record; 0 if `segment` is unknown.
  uint64_t OldestOutside(SegmentId segment) const ABSL_LOCKS_EXCLUDED(mu_);

  // The segments for ChooseCompaction(), without those that are kTarget. Tombstones count as dead
  // if every record of their segment is older than OldestOutside().
  std::vector<SegmentView> Views() const ABSL_LOCKS_EXCLUDED(mu_);
  LedgerTotals totals() const ABSL_LOCKS_EXCLUDED(mu_);
  // At most `count_max` volumes after `after`, in order.
  std::vector<VolumeFacts> Volumes(uint64_t after, size_t count_max) const ABSL_LOCKS_EXCLUDED(mu_);

  // NextSegment() and NextSequence() return a number that was never used. SetNext() sets the first
  // ones; call it before any other thread runs.
  void SetNext(SegmentId segment, uint64_t sequence);
  SegmentId NextSegment() { return next_segment_.fetch_add(1); }
  uint64_t NextSequence() { return next_sequence_.fetch_add(1); }

 private:
  struct Bad {
    SegmentId segment = 0;
    std::string reason;
  };
  using BadMap = std::map<ChunkKey, Bad>;

  uint64_t OldestBeside(SegmentId segment, uint64_t volume) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  BadMap::iterator EraseBad(BadMap::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::atomic<SegmentId> next_segment_{1};
  std::atomic<uint64_t> next_sequence_{1};

  mutable absl::Mutex mu_;
  std::map<SegmentId, Entry> segments_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, std::vector<SegmentId>> by_volume_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, VolumeFacts> volumes_ ABSL_GUARDED_BY(mu_);
  BadMap bad_ ABSL_GUARDED_BY(mu_);
  LedgerTotals totals_ ABSL_GUARDED_BY(mu_);  // Kept up to date, because every put reads them.
};

}  // namespace convergia::dataserver
