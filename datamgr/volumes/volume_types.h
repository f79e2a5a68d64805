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

enum class VolumeClass { kVolatile, kNonVolatile };

// "volatile" or "non-volatile".
inline absl::string_view VolumeClassWord(VolumeClass volume_class) {
  return volume_class == VolumeClass::kVolatile ? "volatile" : "non-volatile";
}

// One counted copy of a volume: on `server`, in the folder with the ID `store`. After a change of
// the disk the server is connected, but this copy is gone.
struct Replica {
  NodeId server = 0;
  std::string store;

  friend bool operator==(const Replica&, const Replica&) = default;
};

// The durable record of a volume.
struct VolumeRecord {
  VolumeId id = 0;
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t epoch = 0;  // Grows with every change of the record.
  bool sealed = false;
  std::vector<Replica> replicas;

  friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

// The amount of a volume that a server reports to hold.
struct Holding {
  uint64_t chunks = 0;
  uint64_t bytes = 0;
};

}  // namespace convergia::datamgr
