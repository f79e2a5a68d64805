#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/peer.h"
#include "common/rpc/pin_set.h"
#include "convergia/v1/cluster.grpc.pb.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/members/members_executor.h"

namespace convergia::mgmt {

// The Cluster service, through which nodes stay attached. It only translates; the registry and the
// cluster decide. Thread-safe.
class ClusterService final : public v1::Cluster::CallbackService {
 public:
  // Both outlive the service. Call set_loop() before the service is served. `epoch` is the number
  // of this start of mgmt.
  ClusterService(MembersExecutor& members, const rpc::PinSet& pins, Epoch epoch)
      : members_(members), pins_(pins), epoch_(epoch) {}
  void set_loop(ClusterLoop* loop) { loop_ = loop; }

  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;
  grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* Attach(
      grpc::CallbackServerContext* context) override;

  // Actions that the cluster decided. No effect if the stream has ended in the meantime.
  void Send(StreamId stream, const v1::ToNode& message) ABSL_LOCKS_EXCLUDED(mu_);
  void Close(StreamId stream, const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class NodeStream;
  std::shared_ptr<NodeStream> Find(StreamId stream) const ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(StreamId stream) ABSL_LOCKS_EXCLUDED(mu_);

  MembersExecutor& members_;
  const rpc::PinSet& pins_;
  const Epoch epoch_;
  ClusterLoop* loop_ = nullptr;

  mutable absl::Mutex mu_;
  StreamId last_stream_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<StreamId, std::shared_ptr<NodeStream>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
