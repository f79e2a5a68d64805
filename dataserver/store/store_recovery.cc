#include "dataserver/store/store_recovery.h"

#include <glog/logging.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "dataserver/store/segments/segment_scan.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kBatchRows = 1000;

struct Found {
  SegmentRow row;
  uint64_t file_bytes = 0;
  bool may_grow = false;
};

class Recovery {
 public:
  Recovery(const StoreParts& parts, uint64_t segment_bytes)
      : parts_(parts), segment_bytes_(segment_bytes) {}

  absl::StatusOr<RecoveryFacts> Run() {
    CVG_ASSIGN_OR_RETURN(const auto known, parts_.index->Segments());
    for (const auto& [segment, row] : known) known_[segment] = row;
    CVG_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         parts_.disk->List(parts_.files->dir()));
    for (const std::string& name : names) {
      const auto ids = ParseSegmentFileName(name);
      if (!ids.has_value()) continue;
      last_segment_ = std::max(last_segment_, ids->second);
      CVG_RETURN_IF_ERROR(Visit(ids->first, ids->second));
    }
    // A killed process leaves new files whose names are not durable; later records go into them.
    CVG_RETURN_IF_ERROR(parts_.disk->SyncFolder(parts_.files->dir()));
    CVG_RETURN_IF_ERROR(WriteBatch());
    FillLedger();
    CVG_RETURN_IF_ERROR(ForgetMissingSegments());
    CVG_RETURN_IF_ERROR(CountRows());
    CVG_RETURN_IF_ERROR(LoadBadMarks());
    parts_.ledger->SetNext(last_segment_ + 1, last_sequence_ + 1);
    facts_.segments = found_.size();
    return facts_;
  }

 private:
  absl::Status Visit(uint64_t volume, SegmentId segment) {
    const std::string path = parts_.files->PathOf(volume, segment);
    CVG_ASSIGN_OR_RETURN(const disk::FileFacts facts, parts_.disk->Inspect(path));
    const auto known = known_.find(segment);
    if (known != known_.end() && known->second.indexed_to == facts.bytes) {
      found_[segment] = {known->second, facts.bytes, /*may_grow=*/true};
      return absl::OkStatus();
    }
    CVG_ASSIGN_OR_RETURN(const auto file, parts_.disk->Open(path, disk::OpenMode::kReadAppend));
    SegmentRow row;
    if (known != known_.end()) {
      row = known->second;
    } else {
      CVG_ASSIGN_OR_RETURN(const std::optional<SegmentHeader> header, ReadHeader(*file));
      if (!header.has_value() || facts.bytes < kSegmentHeaderBytes) {
        return SetAside(path, *file, facts.bytes);
      }
      row.volume = volume;
      row.salt = header->salt;
    }
    return Scan(segment, row, file.get());
  }

  absl::StatusOr<std::optional<SegmentHeader>> ReadHeader(const disk::File& file) {
    std::string bytes(kSegmentHeaderBytes, '\0');
    CVG_ASSIGN_OR_RETURN(const size_t count, file.ReadAt(0, absl::MakeSpan(bytes)));
    bytes.resize(count);
    return DecodeSegmentHeader(bytes);
  }

  // Handles a file without a readable header that the index does not know. If creation was cut
  // short, the header reads as zeros and the file is removed. Otherwise it is damage, and the file
  // is kept.
  absl::Status SetAside(const std::string& path, const disk::File& file, uint64_t bytes) {
    std::string header(std::min(bytes, kSegmentHeaderBytes), '\0');
    CVG_RETURN_IF_ERROR(disk::ReadFully(file, 0, absl::MakeSpan(header)));
    const bool is_blank = header.find_first_not_of('\0') == std::string::npos;
    if (is_blank || bytes < kSegmentHeaderBytes) {
      facts_.torn_bytes_cut += bytes;
      return parts_.disk->Remove(path);
    }
    LOG(ERROR) << path << " has no readable header; its chunks are missing here";
    ++facts_.segments_unreadable;
    facts_.damaged_bytes += bytes;
    return parts_.disk->Rename(path, absl::StrCat(path, ".damaged"));
  }

  absl::Status Scan(SegmentId segment, SegmentRow row, disk::File* file) {
    // A killed process leaves pages that are not on the medium; after a failed sync they never will
    // be. So write them out, drop them from the cache, and trust only the medium.
    CVG_RETURN_IF_ERROR(file->Sync());
    CVG_ASSIGN_OR_RETURN(uint64_t bytes, file->Size());
    const uint64_t from = std::max(row.indexed_to, kSegmentHeaderBytes);
    file->DropCache(from, bytes - std::min(bytes, from));
    CVG_ASSIGN_OR_RETURN(const SegmentScan scan,
                         ScanSegment(*file, row.salt, from, row.indexed_to));
    if (scan.end < bytes) {
      facts_.torn_bytes_cut += bytes - scan.end;
      CVG_RETURN_IF_ERROR(file->Truncate(scan.end));
      CVG_RETURN_IF_ERROR(file->Sync());
      bytes = scan.end;
    }
    const uint64_t missing = row.indexed_to - std::min(row.indexed_to, bytes);
    if (scan.damaged_bytes + missing > 0) {
      LOG(ERROR) << "segment " << segment << " of volume " << row.volume << " has "
                 << scan.damaged_bytes << " damaged bytes and lacks " << missing;
      facts_.damaged_bytes += scan.damaged_bytes + missing;
    }
    for (const ScannedRecord& record : scan.records) {
      CVG_RETURN_IF_ERROR(Apply(segment, record, &row));
    }
    row.indexed_to = bytes;
    batch_.PutSegment(segment, row);
    found_[segment] = {row, bytes, scan.is_gapless && missing == 0};
    return absl::OkStatus();
  }

  absl::Status Apply(SegmentId segment, const ScannedRecord& record, SegmentRow* of_segment) {
    const RecordHeader& header = record.header;
    ++facts_.records_scanned;
    of_segment->last_sequence = std::max(of_segment->last_sequence, header.sequence);
    if (header.kind == RecordKind::kChunk) {
      of_segment->first_chunk_sequence =
          std::min(of_segment->first_chunk_sequence, header.sequence);
    }
    CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> now, Find(header.key));
    // Of equal sequences the later record wins: it is a copy by compaction, and the other's segment
    // goes.
    if (now.has_value() && now->sequence > header.sequence) return absl::OkStatus();
    const ChunkRow row{header.kind,   segment,         record.offset,
                       header.length, header.sequence, header.checksum};
    batch_.PutChunk(header.key, row);
    batch_.ClearBad(header.key);
    pending_[header.key] = row;
    return pending_.size() >= kBatchRows ? WriteBatch() : absl::OkStatus();
  }

  absl::StatusOr<std::optional<ChunkRow>> Find(const ChunkKey& key) {
    if (const auto found = pending_.find(key); found != pending_.end()) return found->second;
    return parts_.index->Find(key);
  }

  absl::Status WriteBatch() {
    pending_.clear();
    return parts_.index->Write(std::exchange(batch_, ChunkIndex::Batch()));
  }

  void FillLedger() {
    std::map<uint64_t, SegmentId> newest;
    for (const auto& [segment, found] : found_) newest[found.row.volume] = segment;
    for (const auto& [segment, found] : found_) {
      StoreLedger::Entry entry;
      entry.row = found.row;
      entry.file_bytes = found.file_bytes;
      const bool may_grow = found.may_grow && newest[found.row.volume] == segment &&
                            found.file_bytes < segment_bytes_;
      if (may_grow) entry.use = SegmentUse::kOpen;
      parts_.ledger->AddSegment(segment, entry);
      last_sequence_ = std::max(last_sequence_, found.row.last_sequence);
    }
  }

  absl::Status ForgetMissingSegments() {
    for (const auto& [segment, row] : known_) {
      last_segment_ = std::max(last_segment_, segment);
      if (found_.count(segment) == 0) batch_.RemoveSegment(segment);
    }
    return WriteBatch();
  }

  absl::Status CountRows() {
    ChunkKey from;
    while (true) {
      CVG_ASSIGN_OR_RETURN(const auto rows, parts_.index->List(from, kBatchRows));
      for (const auto& [key, row] : rows) CountRow(key, row);
      CVG_RETURN_IF_ERROR(WriteBatch());
      if (rows.size() < kBatchRows) return absl::OkStatus();
      from = rows.back().first;
      if (++from.chunk == 0) ++from.volume;
    }
  }

  void CountRow(const ChunkKey& key, const ChunkRow& row) {
    last_segment_ = std::max(last_segment_, row.segment);
    last_sequence_ = std::max(last_sequence_, row.sequence);
    if (found_.count(row.segment) == 0) {
      if (!row.is_chunk()) return batch_.RemoveChunk(key);  // Its chunk is gone too.
      ++facts_.chunks_lost;
      batch_.MarkBad(key, "its segment file is gone");
    }
    parts_.ledger->Count(key, row);
  }

  absl::Status LoadBadMarks() {
    CVG_ASSIGN_OR_RETURN(const auto marks, parts_.index->BadMarks());
    for (const auto& [key, reason] : marks) {
      CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> row, parts_.index->Find(key));
      if (row.has_value() && row->is_chunk()) parts_.ledger->MarkBad(key, row->segment, reason);
    }
    return absl::OkStatus();
  }

  const StoreParts& parts_;
  const uint64_t segment_bytes_;
  std::map<SegmentId, SegmentRow> known_;  // The index knows these.
  std::map<SegmentId, Found> found_;       // These are on the disk.
  ChunkIndex::Batch batch_;
  absl::flat_hash_map<ChunkKey, ChunkRow> pending_;  // The rows in `batch_`.
  SegmentId last_segment_ = 0;
  uint64_t last_sequence_ = 0;
  RecoveryFacts facts_;
};

}  // namespace

absl::StatusOr<RecoveryFacts> RecoverStore(const StoreParts& parts, uint64_t segment_bytes) {
  return Recovery(parts, segment_bytes).Run();
}

}  // namespace convergia::dataserver
