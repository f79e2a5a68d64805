#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/store/store.h"
#include "datamgr/volumes/volume_types.h"

namespace convergia::datamgr {

// A volume in memory: its durable record and its present state.
struct Volume {
  VolumeRecord record;
  store::Revision version = 0;  // Of its row.

  // Closed at once in memory; the reconciler seals its row later.
  bool closed = false;
  int writes_in_flight = 0;
  uint64_t chunks = 0;  // At least those it has: only a scan lowers it.
  uint64_t bytes = 0;

  bool IsOpen() const { return !record.sealed && !closed; }
  bool HasReplicaOn(NodeId server) const {
    for (const Replica& replica : record.replicas) {
      if (replica.server == server) return true;
    }
    return false;
  }
};

// All volumes in memory. A core: VolumeBook makes rows durable first, then calls this table. Not
// thread-safe.
class VolumeTable {
 public:
  // Records a durable row, new or changed.
  Volume& Apply(const VolumeRecord& record, store::Revision version);
  void Forget(VolumeId id) { volumes_.erase(id); }

  // Returns nullptr if the volume does not exist.
  Volume* Find(VolumeId id);
  const Volume* Find(VolumeId id) const;
  const std::map<VolumeId, Volume>& volumes() const { return volumes_; }
  std::map<VolumeId, Volume>& mutable_volumes() { return volumes_; }

  // The number of open volumes with a replica on `server`.
  int OpenOn(NodeId server) const;

 private:
  std::map<VolumeId, Volume> volumes_;
};

// Gives chunks their numbers, and never gives a number twice, also after crashes. The upper 24 bits
// are the number of the start of datamgr, which is durable. It is at least the minutes since 2026,
// so it is new even after a restored backup. The lower 40 bits count.
//
// It also knows which numbers are old. The catalog may still begin to use a young chunk, but never
// an old one. A core. Not thread-safe.
class ChunkNumbers {
 public:
  static constexpr int kCountBits = 40;

  explicit ChunkNumbers(uint64_t start) : next_((start << kCountBits) + 1) {}

  // The number of the start after `last_start`, at time `now`.
  static uint64_t NextStart(uint64_t last_start, absl::Time now);

  // A number that was never given.
  ChunkId Next() { return next_++; }

  // Remembers the numbers given until `now`. Call it about once a minute.
  void Mark(absl::Duration now);

  // All chunks below this number were given before `now - age`.
  ChunkId OlderThan(absl::Duration age, absl::Duration now) const;

 private:
  struct Given {
    absl::Duration at;
    ChunkId next = 0;
  };
  ChunkId next_;
  std::vector<Given> marks_;  // Oldest first, at most kMarksMax.
};

}  // namespace convergia::datamgr
