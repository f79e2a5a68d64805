#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/limits.h"

// The bytes of a segment file (docs/CHUNK_FORMAT.md): a header, twice, then records, each a chunk
// or the tombstone of one. Pure: bytes <-> meaning.
namespace convergia::dataserver {

using SegmentId = uint64_t;

struct ChunkKey {
  uint64_t volume = 0;
  uint64_t chunk = 0;

  friend bool operator==(const ChunkKey&, const ChunkKey&) = default;
  friend auto operator<=>(const ChunkKey&, const ChunkKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ChunkKey& key) {
    return H::combine(std::move(state), key.volume, key.chunk);
  }
};

// "chunk 7 of volume 3".
std::string ToText(const ChunkKey& key);

// XXH3, the checksum of everything here.
uint64_t Checksum(absl::string_view bytes);

// One for each limits::kChunkBlockBytes of `payload`, the last for what is left.
std::vector<uint64_t> BlockChecksums(absl::string_view payload);

// ---- Segments

struct SegmentHeader {
  uint64_t volume = 0;
  SegmentId segment = 0;
  // Part of every record's checksum, and known to no client: so nobody can store a chunk whose
  // bytes would pass for a record.
  uint64_t salt = 0;
};

// Two copies, a page apart, so that one bad sector does not cost the segment.
inline constexpr uint64_t kSegmentHeaderBytes = 8192;

std::string EncodeSegmentHeader(const SegmentHeader& header);
// From the first kSegmentHeaderBytes of a file; nullopt if neither copy is whole.
std::optional<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes);

// "00000000000000a1-0000000000000007.seg"
std::string SegmentFileName(uint64_t volume, SegmentId segment);
// (volume, segment); nullopt for a name that is not of a segment.
std::optional<std::pair<uint64_t, SegmentId>> ParseSegmentFileName(absl::string_view name);

// ---- Records

enum class RecordKind : uint8_t { kChunk = 1, kTombstone = 2 };

struct RecordHeader {
  RecordKind kind = RecordKind::kChunk;
  ChunkKey key;
  // Grows with every record of the store. Of several records of one chunk the highest counts; a
  // copy that compaction makes keeps it.
  uint64_t sequence = 0;
  // All of this segment before this offset was durable when the record was written.
  uint64_t synced_below = 0;
  uint32_t length = 0;    // Of the payload; 0 for a tombstone.
  uint64_t checksum = 0;  // Of the payload.
};

struct RecordHead {
  RecordHeader header;
  std::vector<uint64_t> block_checksums;
};

inline constexpr uint64_t kRecordAlignment = 8;
inline constexpr uint64_t kRecordHeaderBytes = 64;
inline constexpr uint64_t kRecordHeadBytesMax =
    kRecordHeaderBytes + 8 * (limits::kChunkBytesMax / limits::kChunkBlockBytes);

// Header and table of block checksums: where the payload begins.
uint64_t RecordHeadBytes(uint32_t length);
// All of a record, with the zeros that fill it up to kRecordAlignment.
uint64_t RecordBytes(uint32_t length);
uint64_t RecordPaddingBytes(uint32_t length);

// `salt` of the segment; `offset` of the record in it: a record is valid only where it was written.
std::string EncodeRecordHead(const RecordHead& head, uint64_t salt, uint64_t offset);

// `bytes` begin at `offset` and may go on past the head; kRecordHeadBytesMax are always enough.
// nullopt if they are not the head of a record that was written there.
std::optional<RecordHead> DecodeRecordHead(absl::string_view bytes, uint64_t salt, uint64_t offset);

}  // namespace convergia::dataserver
