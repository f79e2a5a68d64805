#include "dataserver/store/segments/segment_format.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace convergia::dataserver {
namespace {

constexpr absl::string_view kSegmentMagic = "CVGSEG01";
constexpr uint64_t kSegmentCopyOffset = 4096;
constexpr size_t kSegmentFieldsBytes = 40;
constexpr uint32_t kRecordMagic = 0x52475643;  // "CVGR"
constexpr uint8_t kRecordVersion = 1;

void Put16(uint16_t value, std::string* out) {
  out->push_back(static_cast<char>(value));
  out->push_back(static_cast<char>(value >> 8));
}
void Put32(uint32_t value, std::string* out) {
  Put16(static_cast<uint16_t>(value), out);
  Put16(static_cast<uint16_t>(value >> 16), out);
}
void Put64(uint64_t value, std::string* out) {
  Put32(static_cast<uint32_t>(value), out);
  Put32(static_cast<uint32_t>(value >> 32), out);
}

// Reads little-endian integers from the front of bytes. The caller has checked the length.
class Taker {
 public:
  explicit Taker(absl::string_view bytes) : at_(bytes.data()) {}
  uint64_t Take(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      value |= uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    }
    at_ += bytes;
    return value;
  }

 private:
  const char* at_;
};

size_t BlocksOf(uint32_t length) {
  return (length + limits::kChunkBlockBytes - 1) / limits::kChunkBlockBytes;
}

uint64_t HeadChecksum(absl::string_view fields, absl::string_view table, uint64_t salt,
                      uint64_t offset) {
  const uint64_t of_fields = XXH3_64bits_withSeed(fields.data(), fields.size(), salt + offset);
  return XXH3_64bits_withSeed(table.data(), table.size(), of_fields);
}

std::optional<SegmentHeader> DecodeSegmentCopy(absl::string_view bytes) {
  if (bytes.size() < kSegmentFieldsBytes || bytes.substr(0, 8) != kSegmentMagic) {
    return std::nullopt;
  }
  Taker taker(bytes.substr(8));
  SegmentHeader header;
  header.volume = taker.Take(8);
  header.segment = taker.Take(8);
  header.salt = taker.Take(8);
  if (taker.Take(8) != Checksum(bytes.substr(0, 32))) return std::nullopt;
  return header;
}

}  // namespace

std::string ToText(const ChunkKey& key) {
  return absl::StrCat("chunk ", key.chunk, " of volume ", key.volume);
}

uint64_t Checksum(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::vector<uint64_t> BlockChecksums(absl::string_view payload) {
  std::vector<uint64_t> checksums;
  checksums.reserve(BlocksOf(payload.size()));
  for (; !payload.empty();
       payload.remove_prefix(std::min(payload.size(), limits::kChunkBlockBytes))) {
    checksums.push_back(Checksum(payload.substr(0, limits::kChunkBlockBytes)));
  }
  return checksums;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string copy(kSegmentMagic);
  Put64(header.volume, &copy);
  Put64(header.segment, &copy);
  Put64(header.salt, &copy);
  Put64(Checksum(copy), &copy);
  std::string bytes(kSegmentHeaderBytes, '\0');
  std::memcpy(bytes.data(), copy.data(), copy.size());
  std::memcpy(bytes.data() + kSegmentCopyOffset, copy.data(), copy.size());
  return bytes;
}

std::optional<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes) {
  if (const auto first = DecodeSegmentCopy(bytes)) return first;
  if (bytes.size() < kSegmentCopyOffset) return std::nullopt;
  return DecodeSegmentCopy(bytes.substr(kSegmentCopyOffset));
}

std::string SegmentFileName(uint64_t volume, SegmentId segment) {
  return absl::StrFormat("%016x-%016x.seg", volume, segment);
}

std::optional<std::pair<uint64_t, SegmentId>> ParseSegmentFileName(absl::string_view name) {
  uint64_t volume = 0;
  SegmentId segment = 0;
  if (name.size() != 37 || name[16] != '-' || !absl::ConsumeSuffix(&name, ".seg") ||
      !absl::SimpleHexAtoi(name.substr(0, 16), &volume) ||
      !absl::SimpleHexAtoi(name.substr(17), &segment)) {
    return std::nullopt;
  }
  return std::make_pair(volume, segment);
}

uint64_t RecordHeadBytes(uint32_t length) { return kRecordHeaderBytes + 8 * BlocksOf(length); }

uint64_t RecordPaddingBytes(uint32_t length) {
  return (kRecordAlignment - length % kRecordAlignment) % kRecordAlignment;
}

uint64_t RecordBytes(uint32_t length) {
  return RecordHeadBytes(length) + length + RecordPaddingBytes(length);
}

std::string EncodeRecordHead(const RecordHead& head, uint64_t salt, uint64_t offset) {
  const RecordHeader& header = head.header;
  std::string fields;
  fields.reserve(RecordHeadBytes(header.length));
  Put32(kRecordMagic, &fields);
  fields.push_back(static_cast<char>(kRecordVersion));
  fields.push_back(static_cast<char>(header.kind));
  Put16(0, &fields);
  Put64(header.key.volume, &fields);
  Put64(header.key.chunk, &fields);
  Put64(header.sequence, &fields);
  Put64(header.synced_below, &fields);
  Put32(header.length, &fields);
  Put32(0, &fields);
  Put64(header.checksum, &fields);
  std::string table;
  for (const uint64_t checksum : head.block_checksums) Put64(checksum, &table);
  Put64(HeadChecksum(fields, table, salt, offset), &fields);
  return fields + table;
}

std::optional<RecordHead> DecodeRecordHead(absl::string_view bytes, uint64_t salt,
                                           uint64_t offset) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  Taker taker(bytes);
  if (taker.Take(4) != kRecordMagic || taker.Take(1) != kRecordVersion) return std::nullopt;
  RecordHead head;
  RecordHeader& header = head.header;
  header.kind = static_cast<RecordKind>(taker.Take(1));
  taker.Take(2);
  header.key.volume = taker.Take(8);
  header.key.chunk = taker.Take(8);
  header.sequence = taker.Take(8);
  header.synced_below = taker.Take(8);
  header.length = static_cast<uint32_t>(taker.Take(4));
  taker.Take(4);
  header.checksum = taker.Take(8);
  const uint64_t head_checksum = taker.Take(8);
  if (header.length > limits::kChunkBytesMax) return std::nullopt;
  const uint64_t head_bytes = RecordHeadBytes(header.length);
  if (bytes.size() < head_bytes) return std::nullopt;
  const absl::string_view table = bytes.substr(kRecordHeaderBytes, head_bytes - kRecordHeaderBytes);
  if (head_checksum != HeadChecksum(bytes.substr(0, 56), table, salt, offset)) return std::nullopt;
  if (header.kind != RecordKind::kChunk && header.kind != RecordKind::kTombstone) {
    return std::nullopt;
  }
  Taker blocks(table);
  for (size_t i = 0; i < BlocksOf(header.length); ++i) {
    head.block_checksums.push_back(blocks.Take(8));
  }
  return head;
}

}  // namespace convergia::dataserver
