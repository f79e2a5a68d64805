#pragma once

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "datamgr/repair/plan/repair_planner.h"
#include "datamgr/volumes/volume_state.h"

// Decides which volumes are opened, reopened and sealed. Pure functions of the tables.
namespace convergia::datamgr {

// The facts on which decisions about opening depend.
struct OpeningView {
  const ServerTable& servers;
  const VolumeTable& volumes;
  const VolumeLimits& limits;
  const PlacementRules& rules;
  const std::map<VolumeId, Job>& running;  // Jobs: their volumes stay sealed.
};

struct Opening {
  enum class Kind {
    kNone,    // Enough volumes are open.
    kReopen,  // `record` replaces the record of its volume.
    kNew,     // `record` is of a volume that has no number yet.
  };
  Kind kind = Kind::kNone;
  VolumeRecord record;
};

// The next volume of `volume_class` to open. As many are kept open as spread writing over all
// servers; more would only spread each server's syncs. A sealed volume that is less than half full
// is reopened before a new one is made: its acknowledged chunks are on all its replicas, so it may
// take further ones.
//
// Errors: those of PlaceVolume().
absl::StatusOr<Opening> NextOpening(const OpeningView& view, VolumeClass volume_class);

// The sealed records of up to `limit` volumes that are closed and have no write under way.
std::vector<VolumeRecord> VolumesToSeal(const VolumeTable& volumes, size_t limit);

}  // namespace convergia::datamgr
