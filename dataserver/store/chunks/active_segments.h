#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/disk/disk.h"
#include "dataserver/store/index/store_ledger.h"
#include "dataserver/store/segments/segment_files.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {

// One segment file to which records are appended. Appended records are durable after Sync(). Not
// thread-safe.
class OpenSegment {
 public:
  // Creates the file with its header. The file's name is durable once the caller syncs the folder.
  static absl::StatusOr<std::unique_ptr<OpenSegment>> Create(disk::Disk& disk,
                                                             const SegmentFiles& files,
                                                             uint64_t volume, SegmentId segment);
  // Opens an existing segment to append at its end. Errors: kDataLoss if the file does not end at
  // `row.indexed_to`.
  static absl::StatusOr<std::unique_ptr<OpenSegment>> Reopen(disk::Disk& disk,
                                                             const SegmentFiles& files,
                                                             SegmentId segment,
                                                             const SegmentRow& row);

  // Appends a record. Returns its offset.
  //
  // Errors: FailCode::kNoSpace, and the segment is unchanged; for any other error the state of the
  // file is unknown, so append nothing more.
  absl::StatusOr<uint64_t> Append(RecordHead head, absl::string_view payload);

  // Syncs the file. Then row().indexed_to equals bytes(). After an error do not call it again:
  // Linux forgets the pages that it could not write.
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

// The segments to which the writer appends, one for each volume. A bounded number is open. Not
// thread-safe.
class ActiveSegments {
 public:
  struct Options {
    disk::Disk* disk = nullptr;
    const SegmentFiles* files = nullptr;
    StoreLedger* ledger = nullptr;
    uint64_t segment_bytes = 0;  // At this size a new segment begins.
    size_t open_max = 64;
  };
  explicit ActiveSegments(const Options& options) : options_(options) {}

  // The segment for a record of `record_bytes` in `volume`. Opens or creates it.
  absl::StatusOr<OpenSegment*> For(uint64_t volume, uint64_t record_bytes);

  // Makes all appended records durable, then new file names. After an error nothing may be written.
  absl::Status Sync();

  // The rows of all segments that For() returned since the last call, for the index. Also updates
  // the ledger. Call it after Sync().
  std::map<SegmentId, SegmentRow> TakeRows();
  // Lets other users take the segments that the writer closed. Call it after the index has their
  // rows. Earlier, compaction would take records for dead that the index does not know yet.
  void Release();

  // Closes the volume's segment for good. Call it between groups: the segment must be synced and in
  // the index.
  void Seal(uint64_t volume);
  // Forgets the segment of a volume that is being dropped.
  void Drop(uint64_t volume);

 private:
  absl::StatusOr<std::unique_ptr<OpenSegment>> Open(uint64_t volume, uint64_t record_bytes);
  void CloseAll();
  void Close(uint64_t volume, SegmentUse use);

  const Options options_;
  std::map<uint64_t, std::unique_ptr<OpenSegment>> open_;
  std::set<SegmentId> touched_;
  std::map<SegmentId, SegmentRow> rows_;    // Of touched segments that were closed.
  std::map<SegmentId, SegmentUse> closed_;  // Until Release().
  bool has_new_names_ = false;
};

}  // namespace convergia::dataserver
