#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "datamgr/servers/server_table.h"
#include "datamgr/volumes/volume_table.h"

// Chooses the servers of volumes. Pure functions: the same arguments give the same answer.
namespace convergia::datamgr {

struct PlacementRules {
  int copies_volatile = 3;  // At least 3.
  int copies_non_volatile = 1;
  int copies(VolumeClass volume_class) const {
    return volume_class == VolumeClass::kVolatile ? copies_volatile : copies_non_volatile;
  }
  // A server needs at least this much free room, for some chunks, to be part of a new volume.
  uint64_t room_bytes_min = 4 * 1024 * 1024;
};

// The number of labels that two servers share. More shared labels mean that they are likelier to
// fail together.
int SharedLabels(const ServerConfig& a, const ServerConfig& b);

// The servers of a new volume: as many as its class wants, with few shared labels. The candidates
// are the servers of the class with room, in the order of their room for each open volume, most
// first. A greedy choice starts from each candidate in turn, and adds the one that shares the
// fewest labels with those chosen. Of these choices the one with the fewest shared labels wins; the
// first of equals.
//
// Errors: FailCode::kNoSpace if enough servers answer but are full, and those that do not answer
// would not suffice either; else FailCode::kUnavailable, naming the servers that do not answer.
absl::StatusOr<std::vector<NodeId>> PlaceVolume(const ServerTable& servers,
                                                const VolumeTable& volumes,
                                                const PlacementRules& rules,
                                                VolumeClass volume_class);

// The requirements for one more copy of a volume.
struct CopyNeed {
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t bytes = 0;
  std::vector<NodeId> staying;  // The replicas that stay beside the new one.
  std::set<NodeId> excluded;    // Servers with a replica of it, and busy ones.
};

// The server for one more copy of `volume`; 0 if there is none. The server has room for the copy,
// or already holds some of the volume. Its holdings are known. Prefers the class of the volume,
// then a server that already holds some of the volume, then few labels shared with `need.staying`,
// then free room. A volatile volume may go to a non-volatile server, never the other way round.
NodeId PlaceCopy(const ServerTable& servers, const CopyNeed& need, VolumeId volume);

}  // namespace convergia::datamgr
