#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/node/node_agent.h"
#include "common/rpc/server.h"
#include "common/store/rocks/rocks_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/datamgr_config.h"
#include "datamgr/scheduler/request_scheduler.h"
#include "datamgr/scheduler/user_lookup.h"
#include "datamgr/services/data_service.h"
#include "datamgr/volumes/volume_layer.h"

namespace convergia::datamgr {

// The data management server: the catalog, the volumes, and their services. It wires the rooms
// together and does nothing else.
//
//   edges -- DataService -- RequestScheduler -- Catalog -- store
//                              |
//   data servers ----------- VolumeLayer -- store;     mgmt -- NodeAgent, MgmtUsers
//
// Create() → Start() → Drain() → Stop(). One thread calls these.
class DatamgrServer final : private node::AttachHandler {
 public:
  // The cluster no longer accepts this node. Called at most once, on any thread.
  using ExpelledCallback = std::function<void(const absl::Status& why)>;
  // The store accepts no further writes: restart this node. Called at most once, on any thread.
  using FencedCallback = std::function<void(const absl::Status& why)>;

  // Reads the node's folder. Errors: those of NodeAgent::Create().
  static absl::StatusOr<std::unique_ptr<DatamgrServer>> Create(const DatamgrSettings& settings,
                                                               ExpelledCallback on_expelled,
                                                               FencedCallback on_fenced);
  ~DatamgrServer() override;  // Calls Stop().

  // Opens the store, enrols if this node is new, attaches to mgmt, and serves. It blocks during
  // enrolment, and then calls `cancelled` several times a second.
  //
  // Errors: those of enrolment; kFailedPrecondition if another datamgr has the store open;
  // kDataLoss if the store is damaged; kUnavailable if the address is taken; kCancelled.
  absl::Status Start(const std::function<bool()>& cancelled);

  // Reports "draining" to mgmt and refuses new requests. Returns when the others are answered, or
  // after some seconds.
  void Drain();

  // Ends everything and waits for it. Idempotent.
  void Stop();

  // The bound "host:port". Valid after Start().
  const std::string& grpc_address() const { return rpc_server_->address(); }

 private:
  DatamgrServer(const DatamgrSettings& settings, std::unique_ptr<node::NodeAgent> agent,
                ExpelledCallback on_expelled, FencedCallback on_fenced);

  absl::Status OpenStore();
  absl::Status MakeLayers();
  absl::Status MakeRpcServer();
  v1::Hello MakeHello() const;

  // node::AttachHandler:
  void OnAttached(const v1::Welcome& welcome) override;
  void OnMessage(v1::ToNode& message) override;
  void OnDetached() override;
  void FillHeartbeat(v1::Heartbeat* heartbeat) override;
  void OnExpelled(const absl::Status& why) override;

  // Constant after construction.
  const DatamgrSettings settings_;
  const Clock& clock_ = RealClock::Get();
  const ExpelledCallback on_expelled_;
  const FencedCallback on_fenced_;
  const std::unique_ptr<node::NodeAgent> agent_;
  std::atomic<bool> draining_ = false;

  // In the order of their dependencies; made in Start().
  Epoch epoch_ = 0;  // The epoch of this start.
  std::unique_ptr<store::RocksStore> store_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<CatalogChunks> live_chunks_;
  std::unique_ptr<VolumeLayer> volumes_;
  std::unique_ptr<MgmtUsers> users_;
  std::unique_ptr<RequestScheduler> scheduler_;
  std::unique_ptr<DataService> service_;
  std::unique_ptr<rpc::Server> rpc_server_;
};

}  // namespace convergia::datamgr
