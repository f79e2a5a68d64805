#include "dataserver/store/chunks/active_segments.h"

#include <glog/logging.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

uint64_t NewSalt() {
  uint64_t salt = 0;
  for (const char c : SecureRandomBytes(sizeof(salt))) {
    salt = salt << 8 | static_cast<unsigned char>(c);
  }
  return salt;
}

constexpr absl::string_view kZeros("\0\0\0\0\0\0\0\0", kRecordAlignment);

}  // namespace

absl::StatusOr<std::unique_ptr<OpenSegment>> OpenSegment::Create(disk::Disk& disk,
                                                                 const SegmentFiles& files,
                                                                 uint64_t volume,
                                                                 SegmentId segment) {
  const std::string path = files.PathOf(volume, segment);
  CVG_ASSIGN_OR_RETURN(auto file, disk.Open(path, disk::OpenMode::kCreate));
  std::unique_ptr<OpenSegment> open(new OpenSegment(segment, std::move(file)));
  open->row_.volume = volume;
  open->row_.salt = NewSalt();
  const std::string header = EncodeSegmentHeader({volume, segment, open->row_.salt});
  if (absl::Status written = open->file_->Append({header}); !written.ok()) {
    disk.Remove(path).IgnoreError();  // The first error counts.
    return written;
  }
  open->bytes_ = header.size();
  return open;
}

absl::StatusOr<std::unique_ptr<OpenSegment>> OpenSegment::Reopen(disk::Disk& disk,
                                                                 const SegmentFiles& files,
                                                                 SegmentId segment,
                                                                 const SegmentRow& row) {
  CVG_ASSIGN_OR_RETURN(auto file,
                       disk.Open(files.PathOf(row.volume, segment), disk::OpenMode::kReadAppend));
  CVG_ASSIGN_OR_RETURN(const uint64_t bytes, file->Size());
  if (bytes != row.indexed_to) {
    return absl::DataLossError(
        absl::StrCat("segment ", segment, " has ", bytes, " bytes in place of ", row.indexed_to));
  }
  std::unique_ptr<OpenSegment> open(new OpenSegment(segment, std::move(file)));
  open->row_ = row;
  open->bytes_ = bytes;
  return open;
}

absl::StatusOr<uint64_t> OpenSegment::Append(RecordHead head, absl::string_view payload) {
  const uint64_t offset = bytes_;
  head.header.synced_below = row_.indexed_to;
  const std::string encoded = EncodeRecordHead(head, row_.salt, offset);
  const absl::string_view padding = kZeros.substr(0, RecordPaddingBytes(head.header.length));
  const absl::Status written = file_->Append({encoded, payload, padding});
  if (disk::IsNoSpace(written)) {
    CVG_RETURN_IF_ERROR(file_->Truncate(offset));  // Remove what was written of it.
  }
  CVG_RETURN_IF_ERROR(written);
  bytes_ = offset + RecordBytes(head.header.length);
  row_.last_sequence = std::max(row_.last_sequence, head.header.sequence);
  if (head.header.kind == RecordKind::kChunk) {
    row_.first_chunk_sequence = std::min(row_.first_chunk_sequence, head.header.sequence);
  }
  return offset;
}

absl::Status OpenSegment::Sync() {
  CVG_RETURN_IF_ERROR(file_->Sync());
  row_.indexed_to = bytes_;
  return absl::OkStatus();
}

absl::StatusOr<OpenSegment*> ActiveSegments::For(uint64_t volume, uint64_t record_bytes) {
  if (const auto found = open_.find(volume); found != open_.end()) {
    OpenSegment* const segment = found->second.get();
    const bool is_empty = segment->bytes() == kSegmentHeaderBytes;
    if (is_empty || segment->bytes() + record_bytes <= options_.segment_bytes) {
      touched_.insert(segment->segment());
      return segment;
    }
    // The segment is full. Records of this group must be synced before it is closed.
    if (!segment->is_synced()) CVG_RETURN_IF_ERROR(Sync());
    Close(volume, SegmentUse::kSealed);
  }
  if (open_.size() >= options_.open_max) {
    CVG_RETURN_IF_ERROR(Sync());
    CloseAll();
  }
  CVG_ASSIGN_OR_RETURN(auto opened, Open(volume, record_bytes));
  options_.ledger->SetUse(opened->segment(), SegmentUse::kActive);
  touched_.insert(opened->segment());
  return (open_[volume] = std::move(opened)).get();
}

absl::StatusOr<std::unique_ptr<OpenSegment>> ActiveSegments::Open(uint64_t volume,
                                                                  uint64_t record_bytes) {
  const auto there = options_.ledger->FindOpen(volume);
  if (there.has_value()) {
    if (there->second.file_bytes + record_bytes <= options_.segment_bytes) {
      return OpenSegment::Reopen(*options_.disk, *options_.files, there->first, there->second.row);
    }
    options_.ledger->SetUse(there->first, SegmentUse::kSealed);
  }
  CVG_ASSIGN_OR_RETURN(auto created, OpenSegment::Create(*options_.disk, *options_.files, volume,
                                                         options_.ledger->NextSegment()));
  has_new_names_ = true;
  StoreLedger::Entry entry;
  entry.row = created->row();
  entry.file_bytes = created->bytes();
  options_.ledger->AddSegment(created->segment(), entry);
  return created;
}

absl::Status ActiveSegments::Sync() {
  for (const auto& [volume, segment] : open_) {
    if (!segment->is_synced()) CVG_RETURN_IF_ERROR(segment->Sync());
  }
  if (has_new_names_) {
    CVG_RETURN_IF_ERROR(options_.disk->SyncFolder(options_.files->dir()));
    has_new_names_ = false;
  }
  return absl::OkStatus();
}

void ActiveSegments::Close(uint64_t volume, SegmentUse use) {
  const auto found = open_.find(volume);
  if (found == open_.end()) return;
  const OpenSegment& segment = *found->second;
  CHECK(segment.is_synced()) << "segment " << segment.segment() << " is let go unsynced";
  options_.ledger->UpdateSegment(segment.segment(), segment.row(), segment.bytes());
  closed_[segment.segment()] = use;
  if (touched_.erase(segment.segment()) > 0) rows_[segment.segment()] = segment.row();
  open_.erase(found);
}

std::map<SegmentId, SegmentRow> ActiveSegments::TakeRows() {
  for (const auto& [volume, segment] : open_) {
    if (touched_.count(segment->segment()) == 0) continue;
    rows_[segment->segment()] = segment->row();
    options_.ledger->UpdateSegment(segment->segment(), segment->row(), segment->bytes());
  }
  touched_.clear();
  return std::exchange(rows_, {});
}

void ActiveSegments::Drop(uint64_t volume) {
  const auto found = open_.find(volume);
  if (found == open_.end()) return;
  touched_.erase(found->second->segment());
  open_.erase(found);
}

void ActiveSegments::Release() {
  for (const auto& [segment, use] : closed_) options_.ledger->SetUse(segment, use);
  closed_.clear();
}

void ActiveSegments::Seal(uint64_t volume) {
  Close(volume, SegmentUse::kSealed);
  Release();
}

void ActiveSegments::CloseAll() {
  while (!open_.empty()) Close(open_.begin()->first, SegmentUse::kOpen);
}

}  // namespace convergia::dataserver
