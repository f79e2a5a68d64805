#pragma once

#include <functional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/work_queue.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/repair/copy/volume_copy.h"
#include "datamgr/servers/server_hub.h"

namespace convergia::datamgr {

// Lists what data servers hold and what the catalog needs. Thread-safe; never blocks.
class VolumeScanner {
 public:
  struct Deps {  // All must outlive the scans.
    ServerHub* hub = nullptr;
    const LiveChunks* live = nullptr;
    WorkQueue* work = nullptr;  // For what blocks.
  };
  explicit VolumeScanner(const Deps& deps) : deps_(deps) {}

  // Asks `servers` for their chunks of `volume`, and the catalog for the chunks that it needs.
  // Servers that do not answer are missing in the result; kUnavailable if none does. `done` is
  // called once, on a thread of the work queue or at once.
  using ListsDone = absl::AnyInvocable<void(absl::StatusOr<VolumeLists>)>;
  void ScanVolume(VolumeId volume, const std::vector<NodeId>& servers, ChunkId young,
                  ListsDone done) const;

  // Asks `server` for all volumes of which it holds any chunk. `done` is called on any thread.
  using HoldingsDone = absl::AnyInvocable<void(absl::StatusOr<std::map<VolumeId, Holding>>)>;
  void ListHoldings(NodeId server, HoldingsDone done) const;

  // Asks `server` for its list of damaged chunks, some thousands at most.
  using DamagedDone =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<std::pair<VolumeId, ChunkId>>>)>;
  void ListDamagedChunks(NodeId server, DamagedDone done) const;

 private:
  const Deps deps_;
};

}  // namespace convergia::datamgr
