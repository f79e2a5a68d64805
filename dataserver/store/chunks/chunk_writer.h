#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "dataserver/store/chunks/active_segments.h"
#include "dataserver/store/chunks/write_group.h"

namespace convergia::dataserver {

using DoneCallback = absl::AnyInvocable<void(absl::Status)>;

// The only thread that changes the store. It uses group commit: all waiting changes become one
// group, which is appended, synced once, indexed, and then answered. The next group gathers
// meanwhile.
//
// Thread-safe. Each callback is called once, on the writer's thread, or at once if the change is
// refused. It must not block.
class ChunkWriter {
 public:
  ChunkWriter(const StoreParts& parts, uint64_t segment_bytes);
  ~ChunkWriter();  // Calls Stop().

  // Errors: those of WriteGroup; FailCode::kBusy if too much waits; kUnavailable after Stop().
  void Put(NewChunk chunk, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  void Delete(std::vector<ChunkKey> keys, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // Deletes all files of a volume. Errors: also FailCode::kBusy while the volume is compacted.
  void DropVolume(uint64_t volume, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // Reports a damaged record. It is dropped if too much waits: the next reader reports it again.
  void ReportBad(const ChunkKey& key, const ChunkRow& row, const std::string& reason)
      ABSL_LOCKS_EXCLUDED(mu_);

  // For compaction and housekeeping. These block until done; do not call them on the writer's
  // thread. Seal() closes the volume's open segments for good.
  absl::Status Seal(uint64_t volume) ABSL_LOCKS_EXCLUDED(mu_);
  // Lends the caller a segment of `volume` that the writer does not use and that has room for
  // `record_bytes`. It becomes SegmentUse::kTarget; append from its row on. nullopt: there is none.
  std::optional<std::pair<SegmentId, SegmentRow>> LendOpen(uint64_t volume, uint64_t record_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Points the index to the copies of `records` in `segment`, whose row is `row`.
  absl::Status Move(std::vector<MovedRecord> records, SegmentId segment, const SegmentRow& row)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Removes the file of a segment to which no chunk points, and the rows of its `tombstones`.
  absl::Status Retire(SegmentId segment, uint64_t volume,
                      std::vector<std::pair<ChunkKey, ChunkRow>> tombstones)
      ABSL_LOCKS_EXCLUDED(mu_);
  // As in DiskBudget, on the writer's thread. TakeReserve() does nothing if there is no room.
  absl::Status ReleaseReserve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TakeReserve() ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses new changes and finishes the waiting ones. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Task {
    size_t bytes = 0;
    absl::AnyInvocable<absl::Status(WriteGroup&)> change;  // Exactly one of these two is set.
    absl::AnyInvocable<absl::Status()> alone;              // Runs between groups.
    DoneCallback done;
  };

  void Add(Task task, bool is_bounded) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Await(Task task) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !tasks_.empty();
  }
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // The tasks of one group, or one task that must run alone; none after Stop().
  std::vector<Task> Take() ABSL_LOCKS_EXCLUDED(mu_);
  void Run(std::vector<Task> tasks);
  absl::Status DropNow(uint64_t volume);
  absl::Status RetireNow(SegmentId segment, uint64_t volume,
                         const std::vector<std::pair<ChunkKey, ChunkRow>>& tombstones);
  // Removes the files of segments and syncs the folder. After an error the store is read-only.
  absl::Status RemoveFiles(uint64_t volume, absl::Span<const SegmentId> segments);
  absl::Status WriteIndex(ChunkIndex::Batch batch);

  const StoreParts parts_;
  const uint64_t segment_bytes_;

  ActiveSegments active_;  // Only the writer's thread uses it.

  absl::Mutex mu_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace convergia::dataserver
