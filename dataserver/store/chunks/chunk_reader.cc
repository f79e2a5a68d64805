#include "dataserver/store/chunks/chunk_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

// Compaction may move a record between the look-up and the read. Try this often.
constexpr int kLooksMax = 5;

}  // namespace

absl::StatusOr<ChunkBytes> ChunkReader::Read(const ChunkKey& key, uint32_t offset,
                                             uint32_t length) const {
  return FindAndRead(key, offset, length, /*from_medium=*/false);
}

absl::Status ChunkReader::Verify(const ChunkKey& key) const {
  return FindAndRead(key, 0, limits::kChunkBytesMax, /*from_medium=*/true).status();
}

absl::Status ChunkReader::VerifyRow(const ChunkKey& key, const ChunkRow& row) const {
  CVG_ASSIGN_OR_RETURN(const Place place, Open(key, row));
  place.file->DropCache(row.offset, row.record_bytes());
  if (!row.is_chunk()) return ReadHead(place, key, row).status();
  CVG_RETURN_IF_ERROR(ReadRow(key, row, 0, row.length, /*from_medium=*/true).status());
  return VerifyPadding(place, key, row);
}

absl::Status ChunkReader::VerifyPadding(const Place& place, const ChunkKey& key,
                                        const ChunkRow& row) const {
  std::string padding(RecordPaddingBytes(row.length), '\0');
  const absl::Status read = disk::ReadFully(
      *place.file, row.offset + row.record_bytes() - padding.size(), absl::MakeSpan(padding));
  if (!read.ok()) return Damaged(key, row, read.message());
  if (padding.find_first_not_of('\0') == std::string::npos) return absl::OkStatus();
  return Damaged(key, row, "the bytes behind it are damaged");
}

absl::Status ChunkReader::VerifyHeader(SegmentId segment, const SegmentRow& row) const {
  CVG_ASSIGN_OR_RETURN(const auto file, files_->Get(row.volume, segment));
  file->DropCache(0, kSegmentHeaderBytes);
  std::string bytes(kSegmentHeaderBytes, '\0');
  const absl::Status read = disk::ReadFully(*file, 0, absl::MakeSpan(bytes));
  if (read.ok() && bytes == EncodeSegmentHeader({row.volume, segment, row.salt})) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the header of segment ", segment, " is damaged"));
}

absl::StatusOr<ChunkBytes> ChunkReader::FindAndRead(const ChunkKey& key, uint32_t offset,
                                                    uint32_t length, bool from_medium) const {
  std::optional<ChunkRow> last;
  for (int look = 0; look < kLooksMax; ++look) {
    CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> row, index_->Find(key));
    if (!row.has_value() || !row->is_chunk()) {
      return Fail(FailCode::kNotFound, absl::StrCat(ToText(key), " is not here"));
    }
    absl::StatusOr<ChunkBytes> bytes = ReadRow(key, *row, offset, length, from_medium);
    if (!absl::IsNotFound(bytes.status())) return bytes;
    if (last == row) return Damaged(key, *row, "the segment file is gone");
    last = row;
  }
  return absl::UnavailableError(absl::StrCat(ToText(key), " keeps moving; try again"));
}

absl::StatusOr<ChunkReader::Place> ChunkReader::Open(const ChunkKey& key,
                                                     const ChunkRow& row) const {
  const auto entry = ledger_->Find(row.segment);
  if (!entry.has_value()) return absl::NotFoundError(absl::StrCat("segment ", row.segment));
  Place place;
  place.salt = entry->row.salt;
  CVG_ASSIGN_OR_RETURN(place.file, files_->Get(key.volume, row.segment));
  return place;
}

absl::StatusOr<RecordHead> ChunkReader::ReadHead(const Place& place, const ChunkKey& key,
                                                 const ChunkRow& row) const {
  std::string bytes(RecordHeadBytes(row.length), '\0');
  const absl::Status read = disk::ReadFully(*place.file, row.offset, absl::MakeSpan(bytes));
  if (!read.ok()) return Damaged(key, row, read.message());
  std::optional<RecordHead> head = DecodeRecordHead(bytes, place.salt, row.offset);
  if (!head.has_value()) return Damaged(key, row, "the record's head is damaged");
  const RecordHeader& header = head->header;
  if (header.key != key || header.kind != row.kind || header.length != row.length ||
      header.sequence != row.sequence || header.checksum != row.checksum) {
    return Damaged(key, row, "another record is in its place");
  }
  return *std::move(head);
}

absl::StatusOr<ChunkBytes> ChunkReader::ReadRow(const ChunkKey& key, const ChunkRow& row,
                                                uint32_t offset, uint32_t length,
                                                bool from_medium) const {
  if (offset > row.length) {
    return absl::OutOfRangeError(
        absl::StrCat(ToText(key), " has ", row.length, " bytes; none at ", offset));
  }
  CVG_ASSIGN_OR_RETURN(const Place place, Open(key, row));
  if (from_medium) place.file->DropCache(row.offset, row.record_bytes());
  CVG_ASSIGN_OR_RETURN(const RecordHead head, ReadHead(place, key, row));

  constexpr uint32_t kBlock = limits::kChunkBlockBytes;
  const uint32_t last = offset + std::min(length, row.length - offset);
  const uint32_t from = offset / kBlock * kBlock;
  const uint32_t to = std::min(row.length, (last + kBlock - 1) / kBlock * kBlock);
  ChunkBytes result;
  result.chunk_length = row.length;
  result.bytes.resize(to > from ? to - from : 0);
  const absl::Status read = disk::ReadFully(
      *place.file, row.offset + RecordHeadBytes(row.length) + from, absl::MakeSpan(result.bytes));
  if (!read.ok()) return Damaged(key, row, read.message());
  for (uint32_t at = from; at < to; at += kBlock) {
    const absl::string_view block = absl::string_view(result.bytes).substr(at - from, kBlock);
    if (Checksum(block) == head.block_checksums[at / kBlock]) continue;
    return Damaged(key, row, absl::StrCat("the bytes from ", at, " on are damaged"));
  }
  result.bytes.resize(std::max(last, from) - from);
  result.bytes.erase(0, offset - from);
  result.checksum = Checksum(result.bytes);
  const bool is_whole = result.bytes.size() == row.length;
  if (is_whole && result.checksum != row.checksum) {
    return Damaged(key, row, "its checksum is wrong as a whole");
  }
  return result;
}

absl::StatusOr<StoredRecord> ChunkReader::ReadRecord(const ChunkKey& key,
                                                     const ChunkRow& row) const {
  CVG_ASSIGN_OR_RETURN(const Place place, Open(key, row));
  StoredRecord record;
  CVG_ASSIGN_OR_RETURN(record.head, ReadHead(place, key, row));
  if (!row.is_chunk()) return record;
  CVG_ASSIGN_OR_RETURN(ChunkBytes bytes, ReadRow(key, row, 0, row.length, /*from_medium=*/false));
  record.payload = std::move(bytes.bytes);
  return record;
}

absl::Status ChunkReader::Damaged(const ChunkKey& key, const ChunkRow& row,
                                  absl::string_view reason) const {
  const std::string text(reason);
  on_bad_(key, row, text);
  return absl::DataLossError(absl::StrCat(ToText(key), " is damaged here: ", text));
}

}  // namespace convergia::dataserver
