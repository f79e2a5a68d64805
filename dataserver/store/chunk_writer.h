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
#include "dataserver/store/active_segments.h"
#include "dataserver/store/write_group.h"

namespace convergia::dataserver {

using DoneCallback = absl::AnyInvocable<void(absl::Status)>;

// The one thread that changes the store. All that waits becomes one group: appended, synced once,
// indexed, and only then answered; meanwhile the next group gathers.
//
// Thread-safe. Callbacks are called on the writer's thread and must not block; each is called once,
// after Stop() at once.
class ChunkWriter {
 public:
  ChunkWriter(const StoreParts& parts, uint64_t segment_bytes);
  ~ChunkWriter();  // Stop().

  // See WriteGroup for the errors; FailCode::kBusy when too much waits.
  void Put(NewChunk chunk, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  void Delete(std::vector<ChunkKey> keys, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // All of a volume: its files go. Errors: also FailCode::kBusy while it is being compacted.
  void DropVolume(uint64_t volume, DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // A hint; forgotten when too many wait, for the next reader will find it again.
  void ReportBad(const ChunkKey& key, const ChunkRow& row, const std::string& reason)
      ABSL_LOCKS_EXCLUDED(mu_);

  // For compaction and housekeeping; these return when it is done. Not on the writer's thread.
  absl::Status Seal(uint64_t volume) ABSL_LOCKS_EXCLUDED(mu_);
  // A segment of `volume` that the writer does not use and that has room for `record_bytes`: the
  // caller's from now on (SegmentUse::kTarget), with the row to go on from.
  std::optional<std::pair<SegmentId, SegmentRow>> LendOpen(uint64_t volume, uint64_t record_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Move(std::vector<MovedRecord> records, SegmentId segment, const SegmentRow& row)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Removes the file of a segment to which no chunk points any more, and with it `tombstones`.
  absl::Status Retire(SegmentId segment, uint64_t volume,
                      std::vector<std::pair<ChunkKey, ChunkRow>> tombstones)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReleaseReserve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TakeReserve() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes no more, finishes what waits. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Task {
    size_t bytes = 0;
    absl::AnyInvocable<absl::Status(WriteGroup&)> change;  // One of these two.
    absl::AnyInvocable<absl::Status()> alone;              // Between groups.
    DoneCallback done;
  };

  void Add(Task task, bool is_bounded) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Await(Task task) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || !tasks_.empty();
  }
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // Tasks for one group, or one that must be alone; none when stopped.
  std::vector<Task> Take() ABSL_LOCKS_EXCLUDED(mu_);
  void Run(std::vector<Task> tasks);
  absl::Status DropNow(uint64_t volume);
  absl::Status RetireNow(SegmentId segment, uint64_t volume,
                         const std::vector<std::pair<ChunkKey, ChunkRow>>& tombstones);
  // Removes segments' files, for good. Errors: nothing may be written any more.
  absl::Status RemoveFiles(uint64_t volume, absl::Span<const SegmentId> segments);
  absl::Status WriteIndex(ChunkIndex::Batch batch);

  const StoreParts parts_;
  const uint64_t segment_bytes_;

  ActiveSegments active_;  // The writer's thread's own.

  absl::Mutex mu_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace convergia::dataserver
