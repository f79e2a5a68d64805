#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/disk/disk.h"
#include "common/rpc/server.h"
#include "common/rpc/test_pki.h"
#include "common/store/mem_store.h"
#include "datamgr/volumes/volume_layer.h"
#include "dataserver/link/datamgr_link.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::testing {

// A catalog that is a set.
class LiveSet final : public datamgr::LiveChunks {
 public:
  void Add(const datamgr::ChunkRef& ref) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const datamgr::ChunkRef& ref) ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::vector<bool>> AreLive(absl::Span<const datamgr::ChunkRef> refs) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<datamgr::ChunkRef>> ListLive(uint64_t volume, uint64_t after,
                                                          int limit) const override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> live_ ABSL_GUARDED_BY(mu_);
};

// The lower half of datamgr and its data servers, in one process: real chunk stores in folders,
// real streams over TLS. What mgmt would say, the test says. Write(), Read() and Release() may be
// called from any thread, also while datamgr is restarted; the rest from one.
class StorageCluster {
 public:
  struct Options {
    std::string dir;  // Of the data servers. On the machine's disk: made, and removed at the end.
    // For tests that cut the power: what data servers write to, what datamgr writes to, and what
    // it knows of chunks. They outlive the cluster. Null: the machine's disk; memory; live().
    disk::Disk* disk = nullptr;
    store::Store* store = nullptr;
    const datamgr::LiveChunks* live = nullptr;
    uint64_t segment_bytes = 0;  // 0: by the size of the disk.
    datamgr::RepairRules rules;
    datamgr::VolumeLimits limits;
    absl::Duration plan_every = absl::Milliseconds(50);
    uint64_t capacity_bytes = uint64_t{256} << 20;  // Of each data server.
    int streams = 3;
  };
  explicit StorageCluster(const Options& options);
  ~StorageCluster();

  // Starts it, and waits until datamgr knows it. Node numbers count from 1.
  NodeId AddServer(datamgr::VolumeClass volume_class);
  void StopServer(NodeId id);
  void StartServer(NodeId id);
  void WipeServer(NodeId id);  // A stopped one: its disk is another one now.
  void Configure(NodeId id, datamgr::VolumeClass volume_class, bool drain);
  dataserver::ChunkStore& store(NodeId id) { return *nodes_.at(id).store; }
  std::string DirOf(NodeId id) const;

  void RestartDatamgr();
  // Puts in its place one of an earlier start, with the same store, which data servers have seen a
  // later one of. Until RestartDatamgr().
  void ReplaceDatamgrByEarlier();
  // Streams that data servers have refused to such a one.
  uint64_t StreamsRefused() const;
  datamgr::VolumeLayer& layer() { return *layer_; }

  // What is written is live from then on.
  absl::StatusOr<datamgr::ChunkRef> Write(
      std::string bytes, datamgr::ClassPreference preference = datamgr::ClassPreference::kNone);
  absl::StatusOr<std::string> Read(const datamgr::ChunkRef& ref);
  absl::Status Release(const datamgr::ChunkRef& ref);

  // How many data servers hold `ref`, whole.
  int CopiesOf(const datamgr::ChunkRef& ref);
  // How many its volume's class asks for; a wish for the other class may not have been met.
  int WantedOf(const datamgr::ChunkRef& ref);
  datamgr::RepairReport Report() { return layer_->reconciler().Report(); }
  LiveSet& live() { return live_; }
  // To datamgr, with an operator's certificate, or a data server's.
  std::shared_ptr<grpc::Channel> ChannelAs(const identity::NodeIdentity& who);

 private:
  struct Node {
    datamgr::VolumeClass volume_class = datamgr::VolumeClass::kVolatile;
    bool drain = false;
    Epoch epoch = 0;
    std::unique_ptr<dataserver::ChunkStore> store;
    std::unique_ptr<dataserver::ChunkRequestHandler> handler;
    std::unique_ptr<dataserver::DatamgrLink> link;
  };
  static std::string NameOf(NodeId id);
  void StartDatamgr(Epoch epoch);
  void StopDatamgr();
  void PushConfiguration();
  void AwaitKnown(NodeId id);

  const Options options_;
  rpc::TestPki pki_;
  rpc::PinSet pins_;
  std::vector<rpc::PinEntry> entries_;
  store::MemStore store_;
  LiveSet live_;
  Epoch epoch_ = 0;
  absl::Mutex layer_mu_;  // Held to change it, and shared to ask it.
  std::unique_ptr<datamgr::VolumeLayer> layer_;
  std::unique_ptr<rpc::Server> server_;
  std::string address_ = "127.0.0.1:0";
  std::map<NodeId, Node> nodes_;
};

}  // namespace convergia::testing
