#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/ids.h"

// The basic types of datamgr/volumes.
namespace convergia::datamgr {

using VolumeId = uint64_t;  // Never reused, never 0.
using ChunkId = uint64_t;   // Never given twice in one volume, never 0.

// How reliable the servers of a volume must be. A volatile server comes and goes, so its data are
// also elsewhere. A non-volatile server is always there, so data may be on it alone.
enum class VolumeClass { kVolatile, kNonVolatile };

// "volatile" or "non-volatile".
inline absl::string_view VolumeClassWord(VolumeClass volume_class) {
  return volume_class == VolumeClass::kVolatile ? "volatile" : "non-volatile";
}

// One counted copy of a volume: on `server`, in the store whose id is `store`. A server that comes
// back with another disk has another store id. Then this copy is gone, although the server is
// connected.
struct Replica {
  NodeId server = 0;
  std::string store;

  friend bool operator==(const Replica&, const Replica&) = default;
};

// The durable record of a volume.
struct VolumeRecord {
  VolumeId id = 0;
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t epoch = 0;   // Grows with every change of the record.
  bool sealed = false;  // The volume accepts no further chunks.
  std::vector<Replica> replicas;

  friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

// The part of a volume that a server says it has.
struct Holding {
  uint64_t chunks = 0;
  uint64_t bytes = 0;
};

}  // namespace convergia::datamgr
