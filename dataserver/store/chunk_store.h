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
#include "common/rpc/highest_epoch.h"
#include "dataserver/store/chunk_reader.h"
#include "dataserver/store/chunk_writer.h"
#include "dataserver/store/compactor.h"
#include "dataserver/store/scrubber.h"
#include "dataserver/store/store_folder.h"
#include "dataserver/store/store_recovery.h"

namespace convergia::dataserver {

// How a store is, for heartbeats and operators.
struct StoreFacts {
  std::string store_id;  // Another one: the folder was wiped and made anew.
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;  // On the disk, with what is dead.
  uint64_t live_bytes = 0;
  uint64_t free_bytes = 0;  // May be written; FailCode::kNoSpace after that.
  uint64_t disk_total_bytes = 0;
  uint64_t chunks = 0;
  uint64_t bad_chunks = 0;
  uint64_t damage_found = 0;  // How many were ever marked since the start; only grows.
  uint64_t segments = 0;
  std::optional<std::string> read_only;  // Why.
};

struct ListedChunk {
  uint64_t chunk = 0;
  uint32_t length = 0;
  uint64_t checksum = 0;
  bool is_bad = false;
};

// The chunks of one data server, in one folder of one disk: append-only segment files (the data;
// docs/CHUNK_FORMAT.md) and an index that can be made again from them.
//
//   Put/Delete -> ChunkWriter (one thread) -> WriteGroup -> ActiveSegments -> disk, then ChunkIndex
//   Read       -> ChunkReader              -> ChunkIndex -> SegmentFiles   -> disk
//   housekeeping thread: Compactor, Scrubber
//
// What was acknowledged survives kill -9 and a power cut. No byte is handed out whose checksum was
// not compared. A disk that fails a sync is not written to again until the next start, which
// verifies what it may have lost.
//
// Thread-safe. Open() -> Stop(); not to be used after that.
class ChunkStore {
 public:
  struct Options {
    disk::Disk* disk = nullptr;    // Outlives the store.
    const Clock* clock = nullptr;  // The same.
    std::string dir;
    StoreOwner owner;
    uint64_t segment_bytes = 0;   // 0: by the size of the disk, 4 to 64 MiB.
    uint64_t capacity_bytes = 0;  // 0: all that the disk has, but for a reserve.
    uint64_t scrub_bytes_per_second = 8 * 1024 * 1024;
    // Without it nothing happens but what is called: compaction and scrub only by CompactOnce() and
    // ScrubOnce(). For tests.
    bool does_housekeeping = true;
  };

  // Takes the folder and brings it in order.
  //
  // Errors: kFailedPrecondition if it is in use or not ours; those of the disk.
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const Options& options);
  ~ChunkStore();  // Stop().

  // Stores a chunk of 1 to limits::kChunkBytesMax bytes, whose Checksum() is `checksum`. Putting
  // the same again is OK. `done`, once, on the writer's thread or at once: OK says that it is
  // durable.
  //
  // Errors: kInvalidArgument if the checksum is not of these bytes, or for the size;
  // FailCode::kNoSpace; FailCode::kExists for other bytes under the same key; FailCode::kBusy if
  // too much waits; kUnavailable if the store only reads.
  void Put(const ChunkKey& key, std::string bytes, uint64_t checksum, DoneCallback done);

  // At most limits::kChunkKeysMax. Those that are not there are OK. Works on a full disk.
  //
  // Errors: FailCode::kBusy; kUnavailable if the store only reads.
  void Delete(std::vector<ChunkKey> keys, DoneCallback done);

  // All chunks of `volume`. Errors: as Delete(); FailCode::kBusy also while it is being compacted.
  void DropVolume(uint64_t volume, DoneCallback done);

  // Block on the disk. See ChunkReader.
  absl::StatusOr<ChunkBytes> Read(const ChunkKey& key, uint32_t offset, uint32_t length) const;
  absl::Status Verify(const ChunkKey& key) const;

  // The chunks of `volume` from `from` on, in order; at most limits::kChunkKeysMax rows, fewer only
  // at the end.
  absl::StatusOr<std::vector<ListedChunk>> List(uint64_t volume, uint64_t from,
                                                size_t rows_max) const;
  // Behind `after`, in order.
  std::vector<VolumeFacts> Volumes(uint64_t after, size_t rows_max) const;
  std::vector<std::pair<ChunkKey, std::string>> BadChunks(const ChunkKey& after,
                                                          size_t rows_max) const;

  absl::StatusOr<StoreFacts> Facts() const;
  ScrubFacts scrub() const;
  const RecoveryFacts& recovery() const { return recovery_; }
  const std::string& store_id() const;
  // Of datamgr, kept with the chunks that a datamgr that was replaced must not touch.
  rpc::HighestEpoch& datamgr_epochs() { return *datamgr_epochs_; }

  // In force at once. 0: as in Options.
  void SetCapacity(uint64_t bytes);
  void SetScrubRate(uint64_t bytes_per_second) ABSL_LOCKS_EXCLUDED(mu_);

  // One step of housekeeping; only without a housekeeping thread.
  absl::StatusOr<bool> CompactOnce();
  absl::StatusOr<uint64_t> ScrubOnce(uint64_t bytes_max);

  // Finishes what waits. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit ChunkStore(const Options& options) : options_(options) {}
  absl::Status OpenParts();
  absl::Status OpenIndex();
  absl::Status ChooseSizes();
  void KeepHouse() ABSL_LOCKS_EXCLUDED(mu_);
  void KeepHouseOnce(absl::Duration* scrubbed_at) ABSL_LOCKS_EXCLUDED(mu_);
  // Once for each trouble: on a full disk it may stay for days.
  void Complain(const absl::Status& status);
  uint64_t scrub_rate() const ABSL_LOCKS_EXCLUDED(mu_);

  Options options_;
  uint64_t reserve_bytes_ = 0;
  uint64_t index_bytes_ = 0;

  // In the order in which they need one another.
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

  std::string complaint_;  // The housekeeping thread's own.
  std::thread housekeeper_;
};

}  // namespace convergia::dataserver
