#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/disk/disk.h"
#include "common/rpc/epochs/highest_epoch.h"
#include "dataserver/store/chunks/chunk_reader.h"
#include "dataserver/store/chunks/chunk_writer.h"
#include "dataserver/store/compactor.h"
#include "dataserver/store/scrubber.h"
#include "dataserver/store/store_folder.h"
#include "dataserver/store/store_recovery.h"

namespace convergia::dataserver {

// The state of a store, for heartbeats and operators.
struct StoreFacts {
  std::string store_id;  // A new one if the folder was wiped.
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;  // On the disk, including dead records.
  uint64_t live_bytes = 0;
  uint64_t free_bytes = 0;  // Further writes; 0 means kNoSpace.
  uint64_t disk_total_bytes = 0;
  uint64_t chunks = 0;
  uint64_t bad_chunks = 0;
  uint64_t damage_found = 0;  // Bad marks since the start; only grows.
  uint64_t segments = 0;
  std::optional<std::string> read_only;  // The reason, if it is read-only.
};

// One chunk of a list. `length` is in bytes; `checksum` is XXH3-64 of all bytes.
struct ListedChunk {
  uint64_t chunk = 0;
  uint32_t length = 0;
  uint64_t checksum = 0;
  bool is_bad = false;
};

// The chunks of one data server, in one folder of one disk. Append-only segment files hold the data
// (docs/CHUNK_FORMAT.md); an index can be rebuilt from them.
//
//   Put/Delete -> ChunkWriter (one thread) -> WriteGroup -> ActiveSegments -> disk, then ChunkIndex
//   Read       -> ChunkReader              -> ChunkIndex -> SegmentFiles   -> disk
//   housekeeping thread: Compactor, Scrubber
//
// Acknowledged changes survive kill -9 and a power cut. No byte is returned before its checksum is
// compared. After a failed sync the store writes nothing until a restart, which verifies the bytes
// that may be lost.
//
// Thread-safe. Open() → Stop(); then do not use it.
class ChunkStore {
 public:
  struct Options {
    disk::Disk* disk = nullptr;    // Must outlive the store.
    const Clock* clock = nullptr;  // Must outlive the store.
    std::string dir;
    StoreOwner owner;
    uint64_t segment_bytes = 0;   // 0: 1/128 of the disk, 4 to 64 MiB.
    uint64_t capacity_bytes = 0;  // 0: the whole disk, except a reserve.
    uint64_t scrub_bytes_per_second = 8 * 1024 * 1024;
    // False: no housekeeping thread. Compaction and scrub run only by CompactOnce() and
    // ScrubOnce(). For tests.
    bool does_housekeeping = true;
  };

  // Locks the folder and recovers the store.
  //
  // Errors: kFailedPrecondition if the folder is in use or belongs to another node; those of the
  // disk.
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const Options& options);
  ~ChunkStore();  // Calls Stop().

  // Stores a chunk of 1 to limits::kChunkBytesMax bytes with this Checksum(). A repeated put of the
  // same bytes is OK. Calls `done` once, on the writer's thread or at once. OK: the chunk is
  // durable.
  //
  // Errors: kInvalidArgument for a wrong checksum or size; FailCode::kNoSpace; FailCode::kExists
  // for other bytes under the same key; FailCode::kBusy if too much waits; kUnavailable if the
  // store is read-only.
  void Put(const ChunkKey& key, std::string bytes, uint64_t checksum, DoneCallback done);

  // Deletes at most limits::kChunkKeysMax chunks. Missing chunks are OK. It also works on a full
  // disk.
  //
  // Errors: kInvalidArgument for more; FailCode::kBusy; kUnavailable if the store is read-only.
  void Delete(std::vector<ChunkKey> keys, DoneCallback done);

  // Deletes all chunks of `volume`. Errors: as Delete(); FailCode::kBusy also while the volume is
  // compacted.
  void DropVolume(uint64_t volume, DoneCallback done);

  // See ChunkReader. These block on the disk.
  absl::StatusOr<ChunkBytes> Read(const ChunkKey& key, uint32_t offset, uint32_t length) const;
  absl::Status Verify(const ChunkKey& key) const;

  // The chunks of `volume` from `from` on, in order. At most `rows_max` and limits::kChunkKeysMax;
  // fewer only at the end.
  absl::StatusOr<std::vector<ListedChunk>> List(uint64_t volume, uint64_t from,
                                                size_t rows_max) const;
  // At most `rows_max` volumes, or bad chunks, after `after`, in order.
  std::vector<VolumeFacts> Volumes(uint64_t after, size_t rows_max) const;
  std::vector<std::pair<ChunkKey, std::string>> BadChunks(const ChunkKey& after,
                                                          size_t rows_max) const;

  absl::StatusOr<StoreFacts> Facts() const;
  ScrubFacts scrub() const;
  const RecoveryFacts& recovery() const { return recovery_; }
  const std::string& store_id() const;
  // The highest epoch of datamgr, kept in the folder: it protects the chunks from a replaced
  // datamgr.
  rpc::HighestEpoch& datamgr_epochs() { return *datamgr_epochs_; }

  // Takes effect at once. 0: the value in Options.
  void SetCapacity(uint64_t bytes);
  void SetScrubRate(uint64_t bytes_per_second) ABSL_LOCKS_EXCLUDED(mu_);

  // Do one step of housekeeping. Call them only without a housekeeping thread. CompactOnce()
  // returns whether it compacted a segment, ScrubOnce() the bytes verified.
  absl::StatusOr<bool> CompactOnce();
  absl::StatusOr<uint64_t> ScrubOnce(uint64_t bytes_max);

  // Finishes waiting changes and ends all threads. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit ChunkStore(const Options& options) : options_(options) {}
  absl::Status OpenParts();
  absl::Status OpenIndex();
  absl::Status ChooseSizes();
  void KeepHouse() ABSL_LOCKS_EXCLUDED(mu_);
  void KeepHouseOnce(absl::Duration* scrubbed_at) ABSL_LOCKS_EXCLUDED(mu_);
  // Logs each new error once: a full disk may last for days.
  void Complain(const absl::Status& status);
  uint64_t scrub_rate() const ABSL_LOCKS_EXCLUDED(mu_);

  Options options_;
  uint64_t reserve_bytes_ = 0;
  uint64_t index_bytes_ = 0;

  // In the order of their dependencies.
  std::unique_ptr<StoreFolder> folder_;
  std::unique_ptr<rpc::HighestEpoch> datamgr_epochs_;
  StoreHealth health_;
  StoreLedger ledger_;
  std::unique_ptr<SegmentFiles> files_;
  std::unique_ptr<DiskBudget> space_;
  std::unique_ptr<ChunkIndex> index_;
  RecoveryFacts recovery_;
  std::unique_ptr<ChunkReader> reader_;
  std::unique_ptr<ChunkWriter> writer_;
  std::unique_ptr<Compactor> compactor_;
  std::unique_ptr<Scrubber> scrubber_;

  mutable absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t scrub_rate_ ABSL_GUARDED_BY(mu_) = 0;

  std::string complaint_;  // Only the housekeeping thread uses it.
  std::thread housekeeper_;
};

}  // namespace convergia::dataserver
