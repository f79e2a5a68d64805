#include "common/base/hash/user_hash.h"

#include "xxhash.h"

namespace convergia {

UserHash HashOfUser(absl::string_view username) {
  return XXH3_64bits(username.data(), username.size());
}

uint64_t PlaceDigest(UserHash user, NodeId edge) {
  return XXH3_64bits_withSeed(&user, sizeof(user), edge);
}

std::string EncodeDigests(const DirectoryDigests& digests) {
  std::string bytes;
  bytes.reserve(digests.size() * sizeof(uint64_t));
  for (const uint64_t digest : digests) {
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(digest >> shift));
  }
  return bytes;
}

std::optional<DirectoryDigests> DecodeDigests(absl::string_view bytes) {
  DirectoryDigests digests = {};
  if (bytes.size() != digests.size() * sizeof(uint64_t)) return std::nullopt;
  for (size_t i = 0; i < bytes.size(); ++i) {
    digests[i / 8] |= uint64_t{static_cast<unsigned char>(bytes[i])} << (i % 8 * 8);
  }
  return digests;
}

}  // namespace convergia
