#pragma once

#include <functional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/work_queue.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/repair/volume_copy.h"
#include "datamgr/servers/server_hub.h"

namespace convergia::datamgr {

// What those need who look at whole volumes. All outlive them.
struct ScanTools {
  ServerHub* hub = nullptr;
  const LiveChunks* live = nullptr;
  WorkQueue* work = nullptr;  // For what blocks.
};

// Asks `servers` what they have of `volume`, and the catalog what it needs of it. Servers that do
// not answer are missing in the result; kUnavailable if none does. `done` is called once, on one of
// the work queue's threads or at once.
void ScanVolume(const ScanTools& tools, VolumeId volume, std::vector<NodeId> servers, ChunkId young,
                absl::AnyInvocable<void(absl::StatusOr<VolumeLists>)> done);

// Asks `server` for all volumes that it has something of. `done`: on any thread.
void ListHoldings(ServerHub* hub, NodeId server,
                  absl::AnyInvocable<void(absl::StatusOr<std::map<VolumeId, Holding>>)> done);

// Asks `server` for the chunks that it knows to be damaged, some thousands at most.
void ListDamagedChunks(
    ServerHub* hub, NodeId server,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<std::pair<VolumeId, ChunkId>>>)> done);

}  // namespace convergia::datamgr
