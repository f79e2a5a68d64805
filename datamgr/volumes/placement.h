#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "datamgr/servers/server_table.h"
#include "datamgr/volumes/volume_table.h"

// Where volumes go. Pure: same arguments, same answer.
namespace convergia::datamgr {

struct PlacementRules {
  int copies_volatile = 3;  // At least 3.
  int copies_non_volatile = 1;
  int copies(VolumeClass volume_class) const {
    return volume_class == VolumeClass::kVolatile ? copies_volatile : copies_non_volatile;
  }
  // A server must have room for at least so much to be part of a new volume: some chunks.
  uint64_t room_bytes_min = 4 * 1024 * 1024;
};

// How many labels two servers share: how likely they fail together.
int SharedLabels(const ServerConfig& a, const ServerConfig& b);

// The servers of a new volume: as many as its class wants, that share the fewest labels; among
// those the ones with the most room for each volume that is open on them.
//
// Errors: FailCode::kNoSpace if enough servers answer, and are full; kUnavailable, naming what is
// missing, if too few answer, or one that does not answer would do.
absl::StatusOr<std::vector<NodeId>> PlaceVolume(const ServerTable& servers,
                                                const VolumeTable& volumes,
                                                const PlacementRules& rules,
                                                VolumeClass volume_class);

struct CopyNeed {
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t bytes = 0;
  std::vector<NodeId> staying;  // The replicas that it will stand beside.
  std::set<NodeId> excluded;    // Holders, and those that are busy.
};

// The server for one more copy; 0 if there is none. Prefers one that already holds some of the
// volume (`volume` != 0), then few shared labels, then room. A volatile volume may for want of
// anything else go to a non-volatile server, which is no worse.
NodeId PlaceCopy(const ServerTable& servers, const CopyNeed& need, VolumeId volume);

}  // namespace convergia::datamgr
