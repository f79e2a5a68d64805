#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/disk/disk.h"
#include "dataserver/store/segment_files.h"
#include "dataserver/store/segment_format.h"
#include "dataserver/store/store_ledger.h"

namespace convergia::dataserver {

// One segment to which records are appended. What is appended is durable after Sync(). Not
// thread-safe.
class OpenSegment {
 public:
  // A new file, with its header. Its name is durable once the folder is synced.
  static absl::StatusOr<std::unique_ptr<OpenSegment>> Create(disk::Disk& disk,
                                                             const SegmentFiles& files,
                                                             uint64_t volume, SegmentId segment);
  // One that is there, to go on at its end.
  static absl::StatusOr<std::unique_ptr<OpenSegment>> Reopen(disk::Disk& disk,
                                                             const SegmentFiles& files,
                                                             SegmentId segment,
                                                             const SegmentRow& row);

  // Appends a record. Returns its offset.
  //
  // Errors: FailCode::kNoSpace, and the segment is as before; kUnavailable: then it is as nobody
  // knows.
  absl::StatusOr<uint64_t> Append(RecordHead head, absl::string_view payload);

  // Afterwards row().indexed_to is bytes(). Errors: never call it again.
  absl::Status Sync();

  SegmentId segment() const { return segment_; }
  const SegmentRow& row() const { return row_; }
  uint64_t bytes() const { return bytes_; }
  bool is_synced() const { return row_.indexed_to == bytes_; }

 private:
  OpenSegment(SegmentId segment, std::unique_ptr<disk::File> file)
      : segment_(segment), file_(std::move(file)) {}

  const SegmentId segment_;
  const std::unique_ptr<disk::File> file_;
  SegmentRow row_;
  uint64_t bytes_ = 0;
};

// The segments that the writer appends to, one a volume, a bounded number of them open. Not
// thread-safe.
class ActiveSegments {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    const SegmentFiles* files = nullptr;
    StoreLedger* ledger = nullptr;
    uint64_t segment_bytes = 0;  // Full, and another is begun.
    size_t open_max = 64;
  };
  explicit ActiveSegments(const Options& options) : options_(options) {}

  // The one for a record of `record_bytes` in `volume`.
  absl::StatusOr<OpenSegment*> For(uint64_t volume, uint64_t record_bytes);

  // Makes all that was appended durable, names first. Errors: nothing may be written any more.
  absl::Status Sync();

  // The rows of all segments that For() gave out since the last time, for the index; the ledger has
  // them then. After Sync().
  std::map<SegmentId, SegmentRow> TakeRows();
  // When the index has them: those that are not written to any more are anybody's. Not before, or
  // compaction would take records for dead that are only not in the index yet.
  void Release();

  // Writes no more to the volume's segment, between groups: it must be synced and in the index.
  void Seal(uint64_t volume);
  // The volume goes, and its segments with it.
  void Drop(uint64_t volume);

 private:
  absl::StatusOr<std::unique_ptr<OpenSegment>> Open(uint64_t volume, uint64_t record_bytes);
  void CloseAll();
  void Close(uint64_t volume, SegmentUse use);

  const Options options_;
  std::map<uint64_t, std::unique_ptr<OpenSegment>> open_;
  std::set<SegmentId> touched_;
  std::map<SegmentId, SegmentRow> rows_;    // Of touched ones that are not open any more.
  std::map<SegmentId, SegmentUse> closed_;  // Not released yet.
  bool has_new_names_ = false;
};

}  // namespace convergia::dataserver
