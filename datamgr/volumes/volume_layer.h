#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/work_queue.h"
#include "common/rpc/auth/pin_set.h"
#include "common/store/store.h"
#include "convergia/v1/cluster.pb.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/repair/chunk_healer.h"
#include "datamgr/repair/copy/volume_scan.h"
#include "datamgr/repair/job_runner.h"
#include "datamgr/repair/volume_reconciler.h"
#include "datamgr/repair/volume_waker.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/replica_reader.h"
#include "datamgr/volumes/replica_writer.h"
#include "datamgr/volumes/volume_book.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

class DataAdminService;

// The volumes on data servers: the lower half of datamgr. It wires the parts together.
//
//   catalog -> Write -> ReplicaWriter -\                    /-> streams of data servers
//           -> Read  -> ReplicaReader --+-> ServerHub ----<
//   VolumeReconciler -> JobRunner, Healer -/        |           \-> ...
//        \-> VolumeBook (store)   VolumeState (tables) for all of them
//
// Create() → Start() → (an rpc::Server serves services()) → Stop() → stop that server → destroy.
// Thread-safe.
class VolumeLayer final : public ChunkLayer {
 public:
  struct Deps {  // All must outlive the layer.
    store::Store* store = nullptr;
    const LiveChunks* live = nullptr;
    const rpc::PinSet* pins = nullptr;
    const Clock* clock = nullptr;
  };
  struct Options {
    Epoch epoch = 0;    // The epoch of this start, which data servers are told.
    RepairRules rules;  // Operators' changes in the store override them.
    VolumeLimits limits;
    absl::Duration plan_every = absl::Seconds(1);
  };

  // Reads the store. Blocks on the disk.
  //
  // Errors: those of the store; kDataLoss for a row that cannot be parsed.
  static absl::StatusOr<std::unique_ptr<VolumeLayer>> Create(const Deps& deps,
                                                             const Options& options);
  ~VolumeLayer() override;  // Calls Stop().

  // Chunks, for data servers, and DataAdmin, for operators.
  std::vector<grpc::Service*> services();

  void Start();
  // Answers everything under way with an error and ends all threads. Idempotent.
  void Stop();

  // Sets the list of all data servers, which comes from mgmt.
  void SetServers(const v1::DataServers& servers);

  // The data servers that are connected now, ascending.
  std::vector<NodeId> ConnectedServers() const { return hub_->Connected(); }

  void Write(std::string bytes, ClassPreference preference, WriteDone done) override;
  void Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ReadDone done) override;
  void Release(std::vector<ChunkRef> refs, ReleaseDone done) override;
  void Describe(std::vector<uint64_t> volumes, DescribeDone done) override;
  bool TryRun(std::function<void()> task) override { return bulk_.TryPost(std::move(task)); }

  VolumeReconciler& reconciler() { return *reconciler_; }
  VolumeState& state() { return state_; }

 private:
  VolumeLayer(const Deps& deps, const Options& options, const VolumeBook& book,
              const VolumeBook::Contents& contents);
  void Fill(const VolumeBook::Contents& contents);

  const Deps deps_;
  const Options options_;
  VolumeBook book_;
  VolumeState state_;
  WorkQueue work_;  // For reads of the catalog, which block.
  WorkQueue bulk_;  // For tasks on many bytes.
  VolumeWaker waker_;
  std::unique_ptr<ServerHub> hub_;
  std::unique_ptr<VolumeScanner> scanner_;
  std::unique_ptr<ReplicaWriter> writer_;
  std::unique_ptr<ReplicaReader> reader_;
  std::unique_ptr<ChunkHealer> healer_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<VolumeReconciler> reconciler_;
  std::unique_ptr<DataAdminService> admin_;
};

}  // namespace convergia::datamgr
