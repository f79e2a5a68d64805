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

// A volume in memory: its record, and what is known of it at the moment.
struct Volume {
  VolumeRecord record;
  store::Revision version = 0;  // Of its row.

  // Sealed at once in memory; the row follows.
  bool closed = false;
  int writes_in_flight = 0;
  uint64_t chunks = 0;  // Put into it, or found in it; falls only when it is looked at anew.
  uint64_t bytes = 0;

  bool IsOpen() const { return !record.sealed && !closed; }
  bool HasReplicaOn(NodeId server) const {
    for (const Replica& replica : record.replicas) {
      if (replica.server == server) return true;
    }
    return false;
  }
};

// All volumes. A core: the rows are made durable by VolumeBook, which tells this table afterwards.
class VolumeTable {
 public:
  // A row is durable: new, or changed.
  Volume& Apply(const VolumeRecord& record, store::Revision version);
  void Forget(VolumeId id) { volumes_.erase(id); }

  Volume* Find(VolumeId id);
  const Volume* Find(VolumeId id) const;
  const std::map<VolumeId, Volume>& volumes() const { return volumes_; }
  std::map<VolumeId, Volume>& mutable_volumes() { return volumes_; }

  // How many open volumes have a replica on `server`.
  int OpenOn(NodeId server) const;

 private:
  std::map<VolumeId, Volume> volumes_;
};

// Gives chunks their numbers, so that none is given twice, whatever dies: the upper bits are the
// start of datamgr, which is durable and follows the time in minutes (so that it is new even after
// a restored backup); the lower ones count. And knows which numbers are old: a chunk that nobody
// refers to may be about to be referred to, but not for ever.
class ChunkNumbers {
 public:
  static constexpr int kCountBits = 40;

  explicit ChunkNumbers(uint64_t start) : next_((start << kCountBits) + 1) {}

  // Which start comes after `last_start`, at `now`.
  static uint64_t NextStart(uint64_t last_start, absl::Time now);

  ChunkId Next() { return next_++; }

  // To be called every now and then.
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
