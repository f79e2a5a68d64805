#include "dataserver/store/segments/segment_scan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr absl::string_view kMagic = "CVGR";

// Reads the heads of a file through a window, so that small records do not cost one read each.
class HeadReader {
 public:
  HeadReader(const disk::File& file, uint64_t salt) : file_(file), salt_(salt) {}

  absl::StatusOr<std::optional<RecordHead>> HeadAt(uint64_t offset) {
    CVG_ASSIGN_OR_RETURN(const absl::string_view bytes, Look(offset, kRecordHeadBytesMax));
    return DecodeRecordHead(bytes, salt_, offset);
  }

  // The first offset at or after `offset` with a valid head; `end` if there is none.
  absl::StatusOr<uint64_t> NextHead(uint64_t offset, uint64_t end) {
    for (; offset + kRecordHeaderBytes <= end; offset += kRecordAlignment) {
      CVG_ASSIGN_OR_RETURN(const absl::string_view bytes, Look(offset, kMagic.size()));
      if (bytes.substr(0, kMagic.size()) != kMagic) continue;
      CVG_ASSIGN_OR_RETURN(const std::optional<RecordHead> head, HeadAt(offset));
      if (head.has_value()) return offset;
    }
    return end;
  }

  absl::StatusOr<bool> PayloadIsWhole(const RecordHeader& header, uint64_t offset) {
    if (header.kind == RecordKind::kTombstone) return true;  // A tombstone has none.
    payload_.resize(header.length);
    CVG_ASSIGN_OR_RETURN(const size_t count, file_.ReadAt(offset + RecordHeadBytes(header.length),
                                                          absl::MakeSpan(payload_)));
    return count == header.length && Checksum(payload_) == header.checksum;
  }

 private:
  // At least `bytes` bytes from `offset` on; fewer only at the end of the file.
  absl::StatusOr<absl::string_view> Look(uint64_t offset, size_t bytes) {
    if (offset < start_ || offset + bytes > start_ + window_.size()) {
      window_.resize(kWindowBytes);
      CVG_ASSIGN_OR_RETURN(const size_t count, file_.ReadAt(offset, absl::MakeSpan(window_)));
      window_.resize(count);
      start_ = offset;
    }
    const absl::string_view window = window_;
    return offset - start_ > window.size() ? absl::string_view() : window.substr(offset - start_);
  }

  static constexpr size_t kWindowBytes = 64 * 1024;

  const disk::File& file_;
  const uint64_t salt_;
  std::string window_;
  uint64_t start_ = 0;
  std::string payload_;
};

struct Gap {
  uint64_t from = 0;
  uint64_t to = 0;
};

// Drops records that may never have been synced and are not whole. Returns the gaps that they
// leave.
absl::StatusOr<std::vector<Gap>> VerifyPayloads(HeadReader& reader, uint64_t file_bytes,
                                                SegmentScan* scan) {
  std::vector<Gap> gaps;
  std::vector<ScannedRecord> kept;
  for (ScannedRecord& record : scan->records) {
    const uint64_t end = record.offset + RecordBytes(record.header.length);
    if (end > scan->known_synced) {
      CVG_ASSIGN_OR_RETURN(const bool whole, reader.PayloadIsWhole(record.header, record.offset));
      // The padding must be there too: a scan looks for the next record after it.
      if (!whole || end > file_bytes) {
        gaps.push_back({record.offset, end});
        continue;
      }
    }
    kept.push_back(record);
  }
  scan->records = std::move(kept);
  return gaps;
}

}  // namespace

absl::StatusOr<SegmentScan> ScanSegment(const disk::File& file, uint64_t salt, uint64_t from,
                                        uint64_t synced_mark) {
  CVG_ASSIGN_OR_RETURN(const uint64_t file_bytes, file.Size());
  HeadReader reader(file, salt);
  SegmentScan scan;
  scan.known_synced = synced_mark;
  std::vector<Gap> gaps;
  uint64_t offset = from;
  while (offset < file_bytes) {
    CVG_ASSIGN_OR_RETURN(const std::optional<RecordHead> head, reader.HeadAt(offset));
    if (head.has_value()) {
      scan.records.push_back({head->header, offset});
      scan.known_synced = std::max(scan.known_synced, head->header.synced_below);
      offset += RecordBytes(head->header.length);
      continue;
    }
    CVG_ASSIGN_OR_RETURN(const uint64_t next,
                         reader.NextHead(offset + kRecordAlignment, file_bytes));
    gaps.push_back({offset, next});
    offset = next;
  }
  CVG_ASSIGN_OR_RETURN(const std::vector<Gap> torn, VerifyPayloads(reader, file_bytes, &scan));
  gaps.insert(gaps.end(), torn.begin(), torn.end());
  scan.end = std::max(from, std::min(scan.known_synced, file_bytes));
  for (const ScannedRecord& record : scan.records) {
    scan.end = std::max(scan.end, record.offset + RecordBytes(record.header.length));
  }
  for (const Gap& gap : gaps) {
    if (gap.from < scan.end) scan.is_gapless = false;
    if (gap.from < scan.known_synced) {
      scan.damaged_bytes += std::min(gap.to, scan.known_synced) - gap.from;
    }
  }
  return scan;
}

}  // namespace convergia::dataserver
