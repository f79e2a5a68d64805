#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/ids.h"

// The words that all of datamgr/volumes speaks.
namespace convergia::datamgr {

using VolumeId = uint64_t;  // Never reused, never 0.
using ChunkId = uint64_t;   // Never given twice in one volume, never 0.

enum class VolumeClass { kVolatile, kNonVolatile };

// "volatile", "non-volatile".
inline absl::string_view VolumeClassWord(VolumeClass volume_class) {
  return volume_class == VolumeClass::kVolatile ? "volatile" : "non-volatile";
}

// One counted copy of a volume: on that server, in the folder that `store` names. With another disk
// in its place the server is there, but this copy is not.
struct Replica {
  NodeId server = 0;
  std::string store;

  friend bool operator==(const Replica&, const Replica&) = default;
};

// What is durable of a volume.
struct VolumeRecord {
  VolumeId id = 0;
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t epoch = 0;  // Grows with every change of the record.
  bool sealed = false;
  std::vector<Replica> replicas;

  friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

// What a server says of a volume that it holds something of.
struct Holding {
  uint64_t chunks = 0;
  uint64_t bytes = 0;
};

}  // namespace convergia::datamgr
