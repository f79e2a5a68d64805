#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/disk/disk.h"
#include "dataserver/store/segment_format.h"

namespace convergia::dataserver {

struct ScannedRecord {
  RecordHeader header;
  uint64_t offset = 0;
};

struct SegmentScan {
  // In order of the file. Those of which nobody can say that they were ever durable are only here
  // if head and payload are whole.
  std::vector<ScannedRecord> records;
  // Behind the last of them, and not before `known_synced`: what follows may be cut off.
  uint64_t end = 0;
  // All before this was durable once.
  uint64_t known_synced = 0;
  // Bytes before `known_synced` that are no record: damage.
  uint64_t damaged_bytes = 0;
  // Nothing but records before `end`, so that more may be appended there.
  bool is_gapless = true;
};

// Reads the heads of the records of `file`, from `from` to its end, and the payloads of those that
// may never have been synced. `synced_mark`: up to here all was durable, as the index knows; 0 if
// it knows nothing. After a bad place it goes on at the next head that is valid for its place.
//
// Errors: of the disk.
absl::StatusOr<SegmentScan> ScanSegment(const disk::File& file, uint64_t salt, uint64_t from,
                                        uint64_t synced_mark);

}  // namespace convergia::dataserver
