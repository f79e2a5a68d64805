#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/disk/disk.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {

// A record that a scan found.
struct ScannedRecord {
  RecordHeader header;
  uint64_t offset = 0;
};

// The result of ScanSegment(). Offsets and sizes are bytes.
struct SegmentScan {
  // In file order. A record that may never have been durable is listed only if its head and payload
  // are whole.
  std::vector<ScannedRecord> records;
  // The end of the last of them, but at least `known_synced`: bytes after it may be cut off.
  uint64_t end = 0;
  // All bytes before it were once durable.
  uint64_t known_synced = 0;
  // Bytes before `known_synced` that are not a record: damage.
  uint64_t damaged_bytes = 0;
  // There are only records before `end`, so more may be appended there.
  bool is_gapless = true;
};

// Reads the heads of the records of `file` from `from` to its end, and the payloads of those that
// may never have been synced. `synced_mark`: the index knows that all bytes before it were durable;
// 0 if it knows nothing. After a bad place the scan continues at the next head that is valid for
// its offset.
//
// Errors: those of the disk.
absl::StatusOr<SegmentScan> ScanSegment(const disk::File& file, uint64_t salt, uint64_t from,
                                        uint64_t synced_mark);

}  // namespace convergia::dataserver
