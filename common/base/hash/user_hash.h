#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/ids.h"

// How directories name users and compare themselves (proto/convergia/v1/locations.proto).
namespace convergia {

// The digests of all buckets take 32 KB, and find the differences among millions of places.
inline constexpr size_t kDirectoryBuckets = 4'096;
// Far above what one edge can serve.
inline constexpr size_t kUsersOfEdgeMax = 4'000'000;

// The hash of a username. If two names share a hash, they share their places.
using UserHash = uint64_t;

UserHash HashOfUser(absl::string_view username);

inline size_t BucketOf(UserHash user) { return user % kDirectoryBuckets; }

// The summand of one place, `user` at `edge`, in the digest of its bucket.
uint64_t PlaceDigest(UserHash user, NodeId edge);

// The digests of all buckets. Each is a sum of PlaceDigest(), so the order of changes does not
// matter.
using DirectoryDigests = std::array<uint64_t, kDirectoryBuckets>;

// Their encoding on the wire: eight bytes each, little-endian. nullopt: too short or too long.
std::string EncodeDigests(const DirectoryDigests& digests);
std::optional<DirectoryDigests> DecodeDigests(absl::string_view bytes);

}  // namespace convergia
