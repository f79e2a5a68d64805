#include "dataserver/store/chunks/write_group.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {

absl::StatusOr<std::optional<ChunkRow>> WriteGroup::Find(const ChunkKey& key) const {
  if (const auto found = rows_.find(key); found != rows_.end()) return found->second;
  return parts_.index->Find(key);
}

void WriteGroup::Set(const ChunkKey& key, const std::optional<ChunkRow>& before,
                     const ChunkRow& after) {
  changes_.push_back({key, before, after});
  rows_[key] = after;
  bad_.erase(key);
}

absl::Status WriteGroup::Put(const NewChunk& chunk) {
  CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> row, Find(chunk.key));
  const bool is_there = row.has_value() && row->is_chunk();
  if (is_there && (row->length != chunk.bytes.size() || row->checksum != chunk.checksum)) {
    return Fail(FailCode::kExists,
                absl::StrCat(ToText(chunk.key), " is here with other bytes; chunks never change"));
  }
  const bool is_bad = parts_.ledger->IsBad(chunk.key) || bad_.count(chunk.key) > 0;
  if (is_there && (!is_bad || rows_.count(chunk.key) > 0)) return absl::OkStatus();
  RecordHead head;
  head.header.key = chunk.key;
  head.header.sequence = parts_.ledger->NextSequence();
  head.header.length = static_cast<uint32_t>(chunk.bytes.size());
  head.header.checksum = chunk.checksum;
  head.block_checksums = chunk.block_checksums;
  CVG_RETURN_IF_ERROR(parts_.space->Admit(RecordBytes(head.header.length)));
  CVG_ASSIGN_OR_RETURN(const ChunkRow after, Append(std::move(head), chunk.bytes));
  Set(chunk.key, row, after);
  return absl::OkStatus();
}

absl::Status WriteGroup::Delete(const ChunkKey& key) {
  CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> row, Find(key));
  if (!row.has_value() || !row->is_chunk()) return absl::OkStatus();
  return AppendTombstone(key, *row);
}

absl::Status WriteGroup::AppendTombstone(const ChunkKey& key, const ChunkRow& before) {
  RecordHead head;
  head.header.kind = RecordKind::kTombstone;
  head.header.key = key;
  head.header.sequence = parts_.ledger->NextSequence();
  absl::StatusOr<ChunkRow> after = Append(head, "");
  if (disk::IsNoSpace(after.status())) {
    CVG_RETURN_IF_ERROR(MakeRoom());
    after = Append(head, "");
  }
  CVG_RETURN_IF_ERROR(after.status());
  Set(key, before, *after);
  return absl::OkStatus();
}

absl::StatusOr<ChunkRow> WriteGroup::Append(RecordHead head, absl::string_view payload) {
  CVG_RETURN_IF_ERROR(parts_.health->Writable());
  ChunkRow row;
  row.kind = head.header.kind;
  row.length = head.header.length;
  row.sequence = head.header.sequence;
  row.checksum = head.header.checksum;
  absl::Status failed;
  const auto segment = active_->For(head.header.key.volume, RecordBytes(row.length));
  if (segment.ok()) {
    row.segment = (*segment)->segment();
    const absl::StatusOr<uint64_t> offset = (*segment)->Append(std::move(head), payload);
    if (offset.ok()) {
      row.offset = *offset;
      return row;
    }
    failed = offset.status();
  } else {
    failed = segment.status();
  }
  // A full disk is no failure of the disk. After any other error the file's state is unknown.
  if (!disk::IsNoSpace(failed)) parts_.health->SetReadOnly(failed.message());
  return failed;
}

absl::Status WriteGroup::MakeRoom() {
  CVG_RETURN_IF_ERROR(parts_.space->ReleaseReserve());
  return parts_.index->Resume();
}

absl::Status WriteGroup::Move(const std::vector<MovedRecord>& records, SegmentId segment,
                              const SegmentRow& row) {
  for (const MovedRecord& record : records) {
    CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> now, Find(record.key));
    // Else it was deleted or written again meanwhile, and the copy is dead.
    if (now.has_value() && *now == record.from) Set(record.key, now, record.to);
  }
  moved_to_.emplace_back(segment, row);
  return absl::OkStatus();
}

absl::Status WriteGroup::MarkBad(const ChunkKey& key, const ChunkRow& row,
                                 const std::string& reason) {
  CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> now, Find(key));
  if (!now.has_value() || *now != row) return absl::OkStatus();
  if (!row.is_chunk()) return AppendTombstone(key, row);
  bad_[key] = {row.segment, reason};
  return absl::OkStatus();
}

absl::Status WriteGroup::Commit() {
  CVG_RETURN_IF_ERROR(parts_.health->Writable());
  if (const absl::Status synced = active_->Sync(); !synced.ok()) {
    LOG(ERROR) << "the disk does not keep what is written, so nothing more is written to it: "
               << synced;
    parts_.health->SetReadOnly(synced.message());
    return parts_.health->Writable();
  }
  const std::map<SegmentId, SegmentRow> segments = active_->TakeRows();
  if (changes_.empty() && segments.empty() && moved_to_.empty() && bad_.empty()) {
    active_->Release();
    return absl::OkStatus();
  }
  if (const absl::Status written = WriteIndex(segments); !written.ok()) {
    LOG(ERROR) << "the index cannot be written, so nothing more is written: " << written;
    parts_.health->SetReadOnly(written.message());
    return parts_.health->Writable();
  }
  Account();
  active_->Release();
  return absl::OkStatus();
}

absl::Status WriteGroup::WriteIndex(const std::map<SegmentId, SegmentRow>& segments) {
  absl::Status written = parts_.index->Write(MakeBatch(segments));
  if (!disk::IsNoSpace(written)) return written;
  CVG_RETURN_IF_ERROR(MakeRoom());
  return parts_.index->Write(MakeBatch(segments));
}

ChunkIndex::Batch WriteGroup::MakeBatch(const std::map<SegmentId, SegmentRow>& segments) const {
  ChunkIndex::Batch batch;
  for (const Change& change : changes_) {
    batch.PutChunk(change.key, change.after);
    batch.ClearBad(change.key);
  }
  for (const auto& [segment, row] : segments) batch.PutSegment(segment, row);
  for (const auto& [segment, row] : moved_to_) batch.PutSegment(segment, row);
  for (const auto& [key, bad] : bad_) batch.MarkBad(key, bad.reason);
  return batch;
}

void WriteGroup::Account() {
  for (const Change& change : changes_) {
    if (change.before.has_value()) parts_.ledger->Discount(change.key, *change.before);
    parts_.ledger->Count(change.key, change.after);
    parts_.ledger->ClearBad(change.key);
  }
  for (const auto& [segment, row] : moved_to_) {
    parts_.ledger->UpdateSegment(segment, row, row.indexed_to);
  }
  for (const auto& [key, bad] : bad_) {
    if (parts_.ledger->MarkBad(key, bad.segment, bad.reason)) {
      LOG(ERROR) << ToText(key) << " is damaged: " << bad.reason;
    }
  }
}

}  // namespace convergia::dataserver
