#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/cluster.grpc.pb.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/members/members_executor.h"

namespace convergia::mgmt {

// The service Cluster of proto/convergia/v1/cluster.proto, through which nodes stay attached. It
// only translates; the registry and the cluster decide. Thread-safe.
class ClusterService final : public v1::Cluster::CallbackService {
 public:
  // All outlive the service. `epoch` is the number of this start of mgmt.
  ClusterService(MembersExecutor& members, const rpc::PinSet& pins, ClusterLoop* loop, Epoch epoch)
      : members_(members), pins_(pins), loop_(loop) {
    leader_.set_epoch(epoch);
    leader_.set_is_self(true);
  }

  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;
  grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* Attach(
      grpc::CallbackServerContext* context) override;

  grpc::ServerBidiReactor<v1::WhoLeadsRequest, v1::Leader>* WhoLeads(
      grpc::CallbackServerContext* context) override;

  // Sets which mgmt leads from now on, and tells it to all listeners of WhoLeads(). At first this
  // one leads. While another mgmt leads, Attach() is refused. The refusal names the leader's
  // address, if it is known. Open streams stay.
  void SetLeader(const v1::Leader& leader) ABSL_LOCKS_EXCLUDED(mu_);

  // Actions that the cluster decided. No effect if the stream has ended in the meantime. Send()
  // cuts the stream of a node that reads too slowly. Close() ends the stream with `reason` after
  // what was sent. If `reason` is kDeadlineExceeded, it cuts the stream at once.
  void Send(StreamId stream, const v1::ToNode& message) ABSL_LOCKS_EXCLUDED(mu_);
  void Close(StreamId stream, const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class NodeStream;
  class LeaderStream;
  std::shared_ptr<NodeStream> Find(StreamId stream) const ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(StreamId stream) ABSL_LOCKS_EXCLUDED(mu_);

  MembersExecutor& members_;
  const rpc::PinSet& pins_;
  ClusterLoop* const loop_;

  // Says in `context` which mgmt leads. Errors: kUnavailable if it is another one.
  absl::Status SayLeader(grpc::CallbackServerContext* context) const ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const LeaderStream* listener) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  v1::Leader leader_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<const LeaderStream*, std::shared_ptr<LeaderStream>> listeners_
      ABSL_GUARDED_BY(mu_);
  StreamId last_stream_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<StreamId, std::shared_ptr<NodeStream>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
