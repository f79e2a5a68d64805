#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "dataserver/store/chunks/write_group.h"

namespace convergia::dataserver {

// The results of a recovery.
struct RecoveryFacts {
  uint64_t segments = 0;
  uint64_t records_scanned = 0;  // The index did not know these.
  uint64_t torn_bytes_cut = 0;   // They were never acknowledged.
  uint64_t damaged_bytes = 0;    // They were durable once, and are not records now.
  uint64_t segments_unreadable = 0;
  uint64_t chunks_lost = 0;  // The index knows them, but their segment is gone.
};

// Runs at start, before anything else touches the store. Makes index and segments agree, and fills
// the ledger. Segments that the index knows to their end are not read.
//
// Bytes that may never have been synced are synced first, then read from the medium. A record among
// them is kept only if it is whole; a torn end is cut off. Damage is counted and left in place.
//
// Errors: those of the disk and the index.
absl::StatusOr<RecoveryFacts> RecoverStore(const StoreParts& parts, uint64_t segment_bytes);

}  // namespace convergia::dataserver
