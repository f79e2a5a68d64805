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

// Their digests, 32 KB, find what differs among millions.
inline constexpr size_t kDirectoryBuckets = 4'096;
// Far above what one edge can serve.
inline constexpr size_t kUsersOfEdgeMax = 4'000'000;

// Of a username. Two names may share one; they then share their places.
using UserHash = uint64_t;

UserHash HashOfUser(absl::string_view username);

inline size_t BucketOf(UserHash user) { return user % kDirectoryBuckets; }

// What one place, `user` at `edge`, adds to the digest of its bucket.
uint64_t PlaceDigest(UserHash user, NodeId edge);

// Of all buckets. Sums of PlaceDigest(), so the order in which places came does not matter.
using DirectoryDigests = std::array<uint64_t, kDirectoryBuckets>;

// As they travel: eight bytes each, the lowest first. nullopt: too short or too long.
std::string EncodeDigests(const DirectoryDigests& digests);
std::optional<DirectoryDigests> DecodeDigests(absl::string_view bytes);

}  // namespace convergia
