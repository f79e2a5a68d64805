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
#include "common/rpc/testing/test_pki.h"
#include "common/store/testing/mem_store.h"
#include "datamgr/volumes/volume_layer.h"
#include "dataserver/link/datamgr_link.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::testing {

// A catalog for tests: the set of live chunks.
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

// The lower half of datamgr and its data servers in one process, with real chunk stores in folders
// and real streams over TLS. The test plays mgmt. Write(), Read() and Release() may be called from
// any thread, also while datamgr restarts; call the other functions from one thread.
class StorageCluster {
 public:
  struct Options {
    std::string dir;  // Of the data servers. A folder on the machine's disk is removed at the end.
    // For tests that cut the power: the disk of the data servers, the store of datamgr, and its
    // source of live chunks. They must outlive the cluster. Null: the machine's disk, memory, and
    // live().
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

  // Starts a server, and waits until datamgr knows it. Node numbers count from 1.
  NodeId AddServer(datamgr::VolumeClass volume_class);
  void StopServer(NodeId id);
  void StartServer(NodeId id);
  void WipeServer(NodeId id);  // A stopped server: as with a new disk.
  void Configure(NodeId id, datamgr::VolumeClass volume_class, bool drain);
  dataserver::ChunkStore& store(NodeId id) { return *nodes_.at(id).store; }
  std::string DirOf(NodeId id) const;

  void RestartDatamgr();
  // Replaces datamgr by one with the same store and a lower epoch than data servers have seen. It
  // stays until RestartDatamgr().
  void ReplaceDatamgrByEarlier();
  // The number of streams that data servers refused to such a datamgr.
  uint64_t StreamsRefused() const;
  datamgr::VolumeLayer& layer() { return *layer_; }

  // Write() makes the chunk live; Release() ends that.
  absl::StatusOr<datamgr::ChunkRef> Write(
      std::string bytes, datamgr::ClassPreference preference = datamgr::ClassPreference::kNone);
  absl::StatusOr<std::string> Read(const datamgr::ChunkRef& ref);
  absl::Status Release(const datamgr::ChunkRef& ref);

  // The number of data servers that hold `ref` undamaged.
  int CopiesOf(const datamgr::ChunkRef& ref);
  // The number of copies that its volume's class wants. The class may differ from the preference.
  int WantedOf(const datamgr::ChunkRef& ref);
  datamgr::RepairReport Report() { return layer_->reconciler().Report(); }
  LiveSet& live() { return live_; }
  // A channel to datamgr with the certificate of `who`: an operator or a data server.
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
  absl::Mutex layer_mu_;  // Exclusive to change layer_, shared to use it.
  std::unique_ptr<datamgr::VolumeLayer> layer_;
  std::unique_ptr<rpc::Server> server_;
  std::string address_ = "127.0.0.1:0";
  std::map<NodeId, Node> nodes_;
};

}  // namespace convergia::testing
