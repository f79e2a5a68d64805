#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "dataserver/store/chunks/chunk_reader.h"
#include "dataserver/store/index/chunk_index.h"
#include "dataserver/store/index/store_ledger.h"

namespace convergia::dataserver {

// The progress of the scrub.
struct ScrubFacts {
  ChunkKey next;                // The next chunk to verify.
  uint64_t rounds = 0;          // Finished since the start of the process.
  uint64_t bytes_verified = 0;  // Since the start of the process.
  uint64_t damaged_found = 0;
  absl::Time round_began;
};

// Reads every record that counts and every segment's header from the medium, round after round. So
// it finds damage while other copies still exist. The index stores its position across restarts.
//
// Call ScrubOnce() from one thread; facts() is thread-safe.
class Scrubber {
 public:
  // All arguments must outlive it.
  Scrubber(ChunkIndex* index, StoreLedger* ledger, const ChunkReader* reader, const Clock* clock);

  // Verifies until `bytes_max` bytes or the end of the round: at least one record or header, unless
  // `bytes_max` is 0. Returns the bytes verified. The reader reports bad records; bad headers are
  // marked in the ledger.
  //
  // Errors: those of the index.
  absl::StatusOr<uint64_t> ScrubOnce(uint64_t bytes_max) ABSL_LOCKS_EXCLUDED(mu_);

  ScrubFacts facts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Verifies the headers that are left in this round.
  uint64_t ScrubHeaders(uint64_t bytes_max) ABSL_LOCKS_EXCLUDED(mu_);
  void Note(uint64_t bytes, const absl::Status& verified) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishRound() ABSL_LOCKS_EXCLUDED(mu_);

  ChunkIndex* const index_;
  StoreLedger* const ledger_;
  const ChunkReader* const reader_;
  const Clock* const clock_;
  SegmentId next_header_ = 0;  // Only the scrubbing thread uses it.

  mutable absl::Mutex mu_;
  ScrubFacts facts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::dataserver
