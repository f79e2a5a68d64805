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

// What functions that scan whole volumes need. All of it must outlive the scan.
struct ScanTools {
  ServerHub* hub = nullptr;
  const LiveChunks* live = nullptr;
  WorkQueue* work = nullptr;  // For what blocks.
};

// Asks `servers` for their chunks of `volume`, and the catalog for the chunks that it needs.
// Servers that do not answer are missing in the result; kUnavailable if none does. `done` is called
// once, on a thread of the work queue or at once.
void ScanVolume(const ScanTools& tools, VolumeId volume, std::vector<NodeId> servers, ChunkId young,
                absl::AnyInvocable<void(absl::StatusOr<VolumeLists>)> done);

// Asks `server` for all volumes of which it holds any chunk. `done` is called on any thread.
void ListHoldings(ServerHub* hub, NodeId server,
                  absl::AnyInvocable<void(absl::StatusOr<std::map<VolumeId, Holding>>)> done);

// Asks `server` for its list of damaged chunks, some thousands at most.
void ListDamagedChunks(
    ServerHub* hub, NodeId server,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<std::pair<VolumeId, ChunkId>>>)> done);

}  // namespace convergia::datamgr
