#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/limits.h"

// The bytes of a segment file (docs/CHUNK_FORMAT.md): a header, twice, then records. A record is a
// chunk or the tombstone of one. Pure functions.
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

// XXH3-64, the checksum of everything in a segment.
uint64_t Checksum(absl::string_view bytes);

// One checksum for each limits::kChunkBlockBytes of `payload`; the last block may be shorter.
std::vector<uint64_t> BlockChecksums(absl::string_view payload);

// ---- Segments

struct SegmentHeader {
  uint64_t volume = 0;
  SegmentId segment = 0;
  // A random number that seeds every record's checksum. Clients do not know it, so nobody can store
  // a chunk whose bytes look like a record.
  uint64_t salt = 0;
};

// Two copies, 4,096 bytes apart, so that one bad sector does not cost the segment.
inline constexpr uint64_t kSegmentHeaderBytes = 8192;

std::string EncodeSegmentHeader(const SegmentHeader& header);
// Reads the first kSegmentHeaderBytes of a file. nullopt: neither copy is whole.
std::optional<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes);

// The file name, for example "00000000000000a1-0000000000000007.seg".
std::string SegmentFileName(uint64_t volume, SegmentId segment);
// Returns (volume, segment); nullopt for any other name.
std::optional<std::pair<uint64_t, SegmentId>> ParseSegmentFileName(absl::string_view name);

// ---- Records

enum class RecordKind : uint8_t { kChunk = 1, kTombstone = 2 };

struct RecordHeader {
  RecordKind kind = RecordKind::kChunk;
  ChunkKey key;
  // Grows with every record of the store. Of several records of one chunk the highest counts.
  // Compaction copies a record with its sequence.
  uint64_t sequence = 0;
  // When the record was written, all bytes of the segment before this offset were durable.
  uint64_t synced_below = 0;
  uint32_t length = 0;    // Payload bytes; 0 for a tombstone.
  uint64_t checksum = 0;  // Of the payload.
};

// A record without its payload.
struct RecordHead {
  RecordHeader header;
  std::vector<uint64_t> block_checksums;
};

inline constexpr uint64_t kRecordAlignment = 8;
inline constexpr uint64_t kRecordHeaderBytes = 64;
inline constexpr uint64_t kRecordHeadBytesMax =
    kRecordHeaderBytes + 8 * (limits::kChunkBytesMax / limits::kChunkBlockBytes);

// The bytes of the header and the block checksums: the payload begins after them.
uint64_t RecordHeadBytes(uint32_t length);
// The bytes of a whole record, with the zeros that fill it up to kRecordAlignment.
uint64_t RecordBytes(uint32_t length);
uint64_t RecordPaddingBytes(uint32_t length);

// `salt` is that of the segment. `offset` is the record's place in it: a record is valid only where
// it was written.
std::string EncodeRecordHead(const RecordHead& head, uint64_t salt, uint64_t offset);

// Reads a head from `bytes`, which begin at `offset` and may extend past the head.
// kRecordHeadBytesMax bytes are always enough. nullopt: they are not the head of a record written
// there.
std::optional<RecordHead> DecodeRecordHead(absl::string_view bytes, uint64_t salt, uint64_t offset);

}  // namespace convergia::dataserver
