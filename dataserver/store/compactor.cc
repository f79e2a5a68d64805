#include "dataserver/store/compactor.h"

#include <optional>

#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr uint64_t kFlushBytes = 4 * 1024 * 1024;

// Space is short below this: after a few more chunks, puts are refused.
constexpr uint64_t kShortBytes = 8 * limits::kChunkBytesMax;

}  // namespace

absl::StatusOr<bool> Compactor::CompactOnce() {
  CVG_RETURN_IF_ERROR(parts_.health->Writable());
  CVG_ASSIGN_OR_RETURN(const SpaceView space, parts_.space->View());
  CVG_ASSIGN_OR_RETURN(const uint64_t room, parts_.space->RoomForCompaction());
  const bool is_short = AdmissibleBytes(space) < kShortBytes;
  const std::optional<SegmentView> victim =
      ChooseCompaction(parts_.ledger->Views(), is_short, room);
  if (!victim.has_value()) return false;
  if (space.disk_free_bytes < victim->live_bytes + space.index_bytes) {
    CVG_RETURN_IF_ERROR(writer_->ReleaseReserve());
  }
  absl::Status compacted = Compact(*victim);
  if (!compacted.ok()) Flush().IgnoreError();  // Keep the copies made before the error.
  CloseTarget();
  CVG_RETURN_IF_ERROR(writer_->TakeReserve());
  CVG_RETURN_IF_ERROR(compacted);
  return true;
}

absl::Status Compactor::Compact(const SegmentView& victim) {
  if (victim.is_active) CVG_RETURN_IF_ERROR(writer_->Seal(victim.volume));
  // Ask before copying: otherwise the target's copies would count as older chunk records.
  const uint64_t oldest_outside = parts_.ledger->OldestOutside(victim.segment);
  CVG_ASSIGN_OR_RETURN(const Rows rows, RowsIn(victim));
  Rows dropped;
  absl::Status damaged;
  for (const auto& [key, row] : rows) {
    if (!row.is_chunk() && row.sequence < oldest_outside) {
      dropped.emplace_back(key, row);
      continue;
    }
    const absl::Status copied = Copy(key, row);
    if (absl::IsDataLoss(copied)) {
      damaged = copied;  // It is marked; the segment stays, since parts may be readable.
    } else {
      CVG_RETURN_IF_ERROR(copied);
    }
  }
  CVG_RETURN_IF_ERROR(Flush());
  CVG_RETURN_IF_ERROR(damaged);
  return writer_->Retire(victim.segment, victim.volume, std::move(dropped));
}

absl::StatusOr<Compactor::Rows> Compactor::RowsIn(const SegmentView& victim) const {
  Rows rows;
  ChunkKey from{victim.volume, 0};
  while (true) {
    CVG_ASSIGN_OR_RETURN(const Rows page,
                         parts_.index->List(from, limits::kChunkKeysMax, victim.volume));
    for (const auto& entry : page) {
      if (entry.second.segment == victim.segment) rows.push_back(entry);
    }
    if (page.size() < limits::kChunkKeysMax || page.back().first.chunk == ~uint64_t{0}) return rows;
    from.chunk = page.back().first.chunk + 1;
  }
}

absl::Status Compactor::Copy(const ChunkKey& key, const ChunkRow& row) {
  absl::StatusOr<StoredRecord> record = reader_->ReadRecord(key, row);
  CVG_RETURN_IF_ERROR(record.status());
  CVG_RETURN_IF_ERROR(OpenTarget(key.volume, row.record_bytes()));
  CVG_ASSIGN_OR_RETURN(const uint64_t offset,
                       target_->Append(std::move(record->head), record->payload));
  MovedRecord moved{key, row, row};
  moved.to.segment = target_->segment();
  moved.to.offset = offset;
  copied_.push_back(moved);
  copied_bytes_ += row.record_bytes();
  return copied_bytes_ >= kFlushBytes ? Flush() : absl::OkStatus();
}

absl::Status Compactor::OpenTarget(uint64_t volume, uint64_t record_bytes) {
  if (target_ != nullptr) {
    if (target_->bytes() + record_bytes <= segment_bytes_) return absl::OkStatus();
    CVG_RETURN_IF_ERROR(Flush());
    CloseTarget();
  }
  const auto open = writer_->LendOpen(volume, record_bytes);
  if (open.has_value()) {
    CVG_ASSIGN_OR_RETURN(
        target_, OpenSegment::Reopen(*parts_.disk, *parts_.files, open->first, open->second));
    return absl::OkStatus();
  }
  CVG_ASSIGN_OR_RETURN(target_, OpenSegment::Create(*parts_.disk, *parts_.files, volume,
                                                    parts_.ledger->NextSegment()));
  StoreLedger::Entry entry;
  entry.row = target_->row();
  entry.use = SegmentUse::kTarget;
  entry.file_bytes = target_->bytes();
  parts_.ledger->AddSegment(target_->segment(), entry);
  const absl::Status named = parts_.disk->SyncFolder(parts_.files->dir());
  if (!named.ok()) parts_.health->SetReadOnly(named.message());
  return named;
}

void Compactor::CloseTarget() {
  copied_.clear();
  copied_bytes_ = 0;
  if (target_ == nullptr) return;
  const bool may_grow = target_->is_synced() && target_->bytes() < segment_bytes_;
  parts_.ledger->SetUse(target_->segment(), may_grow ? SegmentUse::kOpen : SegmentUse::kSealed);
  target_.reset();
}

absl::Status Compactor::Flush() {
  if (copied_.empty()) return absl::OkStatus();
  if (const absl::Status synced = target_->Sync(); !synced.ok()) {
    parts_.health->SetReadOnly(synced.message());
    return synced;
  }
  copied_bytes_ = 0;
  return writer_->Move(std::exchange(copied_, {}), target_->segment(), target_->row());
}

}  // namespace convergia::dataserver
