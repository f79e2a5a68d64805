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
  // A volume is sealed past these: what one repair copies, and what a look at one holds in memory.
  uint64_t volume_bytes_max = uint64_t{1} << 30;
  uint64_t volume_chunks_max = 65'536;
};

// Where one chunk is to be written.
struct WritePlace {
  VolumeId volume = 0;
  ChunkId chunk = 0;
  VolumeClass volume_class = VolumeClass::kVolatile;
  std::vector<NodeId> servers;  // All of them must have it.
};

// Where one chunk may be read.
struct ReadPlaces {
  std::vector<NodeId> servers;  // Replicas first, those that answer first.
  std::string away;             // The replicas that are away, for people; empty if none.
};

// The tables, shared by those who write, read and repair: what is decided about a chunk is decided
// here, under one lock, in no time.
//
// Thread-safe.
class VolumeState {
 public:
  explicit VolumeState(const VolumeLimits& limits, uint64_t start)
      : limits_(limits), numbers_(start) {}

  // An open volume for `bytes` of `preference`; nullopt: one is about to be opened, ask again when
  // the reconciler has been at it. Every place is given back with EndWrite().
  //
  // Errors: what PlaceVolume() said, if no class has servers.
  absl::StatusOr<std::optional<WritePlace>> BeginWrite(ClassPreference preference, uint32_t bytes)
      ABSL_LOCKS_EXCLUDED(mu_);

  // How it went: FailCode::kBusy leaves the volume as it is, every other error closes it. `failed`:
  // the server that caused it.
  void EndWrite(const WritePlace& place, uint32_t bytes, const absl::Status& status, NodeId failed)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Errors: kNotFound if there is no such volume.
  absl::StatusOr<ReadPlaces> PlacesOf(VolumeId volume) const ABSL_LOCKS_EXCLUDED(mu_);

  VolumePlaces Describe(VolumeId volume, int copies_volatile) const ABSL_LOCKS_EXCLUDED(mu_);

  // For the reconciler, which alone changes what is durable.
  absl::Mutex& mu() const ABSL_LOCK_RETURNED(mu_) { return mu_; }
  ServerTable& servers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return servers_; }
  VolumeTable& volumes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return volumes_; }
  ChunkNumbers& numbers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return numbers_; }
  const VolumeLimits& limits() const { return limits_; }

  // Whether anybody wrote to this class since the start; then some volumes are kept open.
  bool IsWanted(VolumeClass volume_class) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return classes_[static_cast<int>(volume_class)].wanted;
  }
  // Why none can be opened now; OK: one is open, or will be.
  void SetOutlook(VolumeClass volume_class, const absl::Status& outlook)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    classes_[static_cast<int>(volume_class)].outlook = outlook;
  }

 private:
  struct ClassState {
    bool wanted = false;
    absl::Status outlook;
    VolumeId last = 0;  // Took the last chunk: the next goes to the next volume.
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
  // To be called when volumes were opened or changed: which are open.
  void FindOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
};

}  // namespace convergia::datamgr
