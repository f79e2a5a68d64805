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
#include "dataserver/dataserver_config.h"
#include "dataserver/link/datamgr_link.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::dataserver {

// A data server: bytes on a disk, checked. Wires the rooms together and does nothing else.
//
//   datamgr <- DatamgrLink (streams) -> ChunkRequestHandler -> ChunkStore -> disk
//   mgmt <- NodeAgent;  operators -> rpc::Server (health, reflection, channelz)
//
// Create() → Start() → Drain() → Stop().
class DataServer final : private node::AttachHandler {
 public:
  // Called at most once, from any thread, when the cluster no longer has a place for this node.
  using ExpelledCallback = std::function<void(const absl::Status& why)>;

  // Reads the node's folder.
  static absl::StatusOr<std::unique_ptr<DataServer>> Create(const DataServerSettings& settings,
                                                            ExpelledCallback on_expelled);
  ~DataServer() override;  // Stop().

  // Enrols if this node is new, opens the store, attaches to mgmt and dials datamgr. Blocks while
  // it enrols and while the store is brought in order; asks `cancelled` several times a second
  // while it waits. datamgr may be away: it is dialled until it is there.
  //
  // Errors: those of enrolment and of ChunkStore::Open(); kUnavailable for an address that is
  // taken; kCancelled.
  absl::Status Start(const std::function<bool()>& cancelled);

  // Refuses further requests of datamgr and waits for the answers of the others. Returns after
  // `deadline` at the latest.
  void Drain(absl::Duration deadline);

  // Ends everything and waits for it. Idempotent.
  void Stop();

  // "host:port" as bound. After Start().
  const std::string& grpc_address() const { return rpc_server_->address(); }
  // After Start(), for tests.
  ChunkStore& store() { return *store_; }
  const DatamgrLink& link() const { return *link_; }

 private:
  DataServer(const DataServerSettings& settings, std::unique_ptr<node::NodeAgent> agent,
             ExpelledCallback on_expelled);

  absl::Status OpenStore();
  absl::Status MakeRpcServer();
  void MakeLink();
  v1::Hello MakeHello() const;
  void Expel(const absl::Status& why);

  // node::AttachHandler:
  void OnAttached(const v1::Welcome& welcome) override;
  void OnMessage(v1::ToNode& message) override;
  void OnDetached() override;
  void FillHeartbeat(v1::Heartbeat* heartbeat) override;
  void OnExpelled(const absl::Status& why) override;

  // Constant after construction.
  const DataServerSettings settings_;
  const Clock& clock_ = RealClock::Get();
  const ExpelledCallback on_expelled_;
  const std::unique_ptr<node::NodeAgent> agent_;

  std::atomic<bool> draining_ = false;
  std::atomic<bool> expelled_ = false;

  // In the order in which they need one another; made in Start().
  std::unique_ptr<ChunkStore> store_;
  std::unique_ptr<ChunkRequestHandler> handler_;
  std::unique_ptr<DatamgrLink> link_;
  std::unique_ptr<rpc::Server> rpc_server_;
};

}  // namespace convergia::dataserver
