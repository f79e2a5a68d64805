#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "datamgr/repair/copy/volume_copy.h"
#include "datamgr/repair/plan/repair_planner.h"

namespace convergia::datamgr {

// A volume to be compared with the catalog.
struct SweepOrder {
  VolumeId volume = 0;
  uint64_t epoch = 0;            // Of its record at that moment.
  std::vector<NodeId> replicas;  // The live ones: they must have all its chunks.
  std::vector<NodeId> holders;   // They, and all others that have any of it.
};

// Decides which volume is searched for orphans and missing chunks, one after the other: those that
// were never searched first, then those whose search is longest ago. A core: events and the time
// come in. Not thread-safe.
class SweepPlan {
 public:
  // The next volume; nullopt while one is being searched, or if none is due. A volume without any
  // holder is put off.
  std::optional<SweepOrder> Next(absl::Duration now, const ServerTable& servers,
                                 const VolumeTable& volumes, const std::map<VolumeId, Job>& running,
                                 const RepairRules& rules);
  // The search of the volume that Next() gave has ended.
  void End() { is_sweeping_ = false; }
  // `volume` could not be searched: it is tried again soon.
  void Again(VolumeId volume, absl::Duration now, const RepairRules& rules);
  // All volumes are due.
  void Clear() { swept_at_.clear(); }

 private:
  std::map<VolumeId, absl::Duration> swept_at_;
  bool is_sweeping_ = false;
};

// Whether a volume can be forgotten: nobody needs anything of it, no replica has any of it, and it
// has not been written to since it was searched with this `epoch`. `volume` may be null.
bool IsForgettable(const Volume* volume, uint64_t epoch, const VolumeLists& lists,
                   const std::map<VolumeId, Job>& running);

}  // namespace convergia::datamgr
