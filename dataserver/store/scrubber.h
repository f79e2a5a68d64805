#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "dataserver/store/chunk_index.h"
#include "dataserver/store/chunk_reader.h"
#include "dataserver/store/store_ledger.h"

namespace convergia::dataserver {

struct ScrubFacts {
  ChunkKey next;                // Where it goes on.
  uint64_t rounds = 0;          // Finished since the start of the process.
  uint64_t bytes_verified = 0;  // Since then.
  uint64_t damaged_found = 0;
  absl::Time round_began;
};

// Reads every record that counts and every segment's header from the medium, round after round, so
// that damage is found while there are other copies. It remembers its place across starts.
//
// ScrubOnce() from one thread; facts() from any.
class Scrubber {
 public:
  // All outlive it.
  Scrubber(ChunkIndex* index, StoreLedger* ledger, const ChunkReader* reader, const Clock* clock);

  // Verifies until `bytes_max` or the end of the round are reached; at least one record or header
  // if `bytes_max` is not 0. Returns how many bytes it was. Bad records the reader reports; bad
  // headers are marked in the ledger.
  //
  // Errors: of the index.
  absl::StatusOr<uint64_t> ScrubOnce(uint64_t bytes_max) ABSL_LOCKS_EXCLUDED(mu_);

  ScrubFacts facts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The headers that are left of this round.
  uint64_t ScrubHeaders(uint64_t bytes_max) ABSL_LOCKS_EXCLUDED(mu_);
  void Note(uint64_t bytes, const absl::Status& verified) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishRound() ABSL_LOCKS_EXCLUDED(mu_);

  ChunkIndex* const index_;
  StoreLedger* const ledger_;
  const ChunkReader* const reader_;
  const Clock* const clock_;
  SegmentId next_header_ = 0;  // The scrubbing thread's own.

  mutable absl::Mutex mu_;
  ScrubFacts facts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::dataserver
