#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "dataserver/store/write_group.h"

namespace convergia::dataserver {

struct RecoveryFacts {
  uint64_t segments = 0;
  uint64_t records_scanned = 0;  // That the index did not know.
  uint64_t torn_bytes_cut = 0;   // Never acknowledged.
  uint64_t damaged_bytes = 0;    // Were durable once, and are no records now.
  uint64_t segments_unreadable = 0;
  uint64_t chunks_lost = 0;  // The index knows them, their segment is gone.
};

// At start, before anything else touches the store: brings index and segments to agreement, and
// fills the ledger. Segments that the index knows to the end are not read.
//
// What may never have been synced is synced first, then read from the medium, and kept only if it
// is whole; what is torn behind it is cut off. Damage is counted and left where it is.
//
// Errors: of the disk and the index.
absl::StatusOr<RecoveryFacts> RecoverStore(const StoreParts& parts, uint64_t segment_bytes);

}  // namespace convergia::dataserver
