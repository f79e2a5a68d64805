#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/servers/server_table.h"
#include "datamgr/volumes/volume_table.h"

namespace convergia::datamgr {

struct VolumeLimits {
  // A volume is sealed past these limits. They bound what one repair copies, and the memory that a
  // scan of one volume needs.
  uint64_t volume_bytes_max = uint64_t{1} << 30;
  uint64_t volume_chunks_max = 65'536;
};

// The place to which one chunk is written.
struct WritePlace {
  VolumeId volume = 0;
  ChunkId chunk = 0;
  VolumeClass volume_class = VolumeClass::kVolatile;
  std::vector<NodeId> servers;  // All of them must store it.
};

// The servers from which a chunk may be read.
struct ReadPlaces {
  std::vector<NodeId> servers;  // Replicas first, those that are not suspect before the others.
  std::string away;             // Names of the replicas that are away, for people; may be empty.
};

// The tables of servers and volumes, shared by writers, readers and the reconciler. Decisions about
// single chunks are made here, under one short lock.
//
// Thread-safe.
class VolumeState {
 public:
  explicit VolumeState(const VolumeLimits& limits, uint64_t start)
      : limits_(limits), numbers_(start) {}

  // Chooses an open volume for `bytes` bytes and a chunk number in it. nullopt: the reconciler will
  // open a volume; ask again after its next round. Return every place with EndWrite().
  //
  // Errors: the outlook of SetOutlook() if neither class can open a volume.
  absl::StatusOr<std::optional<WritePlace>> BeginWrite(ClassPreference preference, uint32_t bytes)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a write with its outcome. kBusy leaves the volume open; every other error closes it.
  // `failed` is the server that caused the error.
  void EndWrite(const WritePlace& place, uint32_t bytes, const absl::Status& status, NodeId failed)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The servers to ask for a chunk of `volume`. Errors: kNotFound if the volume does not exist.
  absl::StatusOr<ReadPlaces> PlacesOf(VolumeId volume) const ABSL_LOCKS_EXCLUDED(mu_);

  // The servers of `volume` and its wanted copies; no servers if it does not exist.
  VolumePlaces Describe(VolumeId volume, int copies_volatile) const ABSL_LOCKS_EXCLUDED(mu_);

  // For the reconciler, the only class that changes durable state. Hold `mu` meanwhile.
  absl::Mutex& mu() const ABSL_LOCK_RETURNED(mu_) { return mu_; }
  ServerTable& servers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return servers_; }
  VolumeTable& volumes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return volumes_; }
  ChunkNumbers& numbers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return numbers_; }
  const VolumeLimits& limits() const { return limits_; }

  // Whether a client wrote to this class since the start. If so, the reconciler keeps some volumes
  // open.
  bool IsWanted(VolumeClass volume_class) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return classes_[static_cast<int>(volume_class)].wanted;
  }
  // Sets the error if no volume of this class can be opened now. OK: one is open, or will be.
  void SetOutlook(VolumeClass volume_class, const absl::Status& outlook)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    classes_[static_cast<int>(volume_class)].outlook = outlook;
  }

 private:
  struct ClassState {
    bool wanted = false;
    absl::Status outlook;
    VolumeId last = 0;  // The volume of the last chunk; the next one is preferred.
  };
  Volume* PickOpen(VolumeClass volume_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const VolumeLimits limits_;
  mutable absl::Mutex mu_;
  ServerTable servers_ ABSL_GUARDED_BY(mu_);
  VolumeTable volumes_ ABSL_GUARDED_BY(mu_);
  ChunkNumbers numbers_ ABSL_GUARDED_BY(mu_);
  ClassState classes_[2] ABSL_GUARDED_BY(mu_);
  std::map<VolumeClass, std::vector<VolumeId>> open_ ABSL_GUARDED_BY(mu_);

 public:
  // Updates the list of open volumes. Call it after volumes were opened or changed.
  void FindOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
};

}  // namespace convergia::datamgr
