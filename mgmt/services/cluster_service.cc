#include "mgmt/services/cluster_service.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/calls/reply.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "common/rpc/streams/stream_reactor.h"

namespace convergia::mgmt {
namespace {

// Twice the directory of a million users. If more waits for a node, its stream is cut; the node
// attaches again and gets the whole directory.
constexpr size_t kQueueBytesMax = 64 * 1024 * 1024;

}  // namespace

// The stream of one attached node. It passes every event to the loop, in order.
class ClusterService::NodeStream final : public rpc::ServerStream<v1::FromNode, v1::ToNode> {
 public:
  NodeStream(grpc::CallbackServerContext* context, ClusterService& service, StreamId id,
             const rpc::Peer& peer)
      : ServerStream(context, {.queue_bytes_max = kQueueBytesMax,
                               .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        service_(service),
        id_(id),
        peer_(peer) {}

  const rpc::Peer& peer() const { return peer_; }

 private:
  void OnMessage(v1::FromNode& message) override {
    const bool first = !std::exchange(said_hello_, true);
    if (first != message.has_hello()) {
      Cancel(absl::InvalidArgumentError("Hello is the first message of a stream, and only that"));
      return;
    }
    const bool posted =
        service_.loop_->Post([id = id_, node = peer_.node, message = std::move(message),
                              &clock = service_.loop_->clock()](Cluster& cluster) {
          if (message.has_hello()) {
            cluster.OnHello(id, node, message.hello(), clock.Elapsed());
          } else {
            cluster.OnMessage(id, message, clock.Elapsed());
          }
        });
    if (!posted) Cancel(absl::UnavailableError("the management server is busy or stopping"));
  }

  void OnClosed(const absl::Status& status) override {
    LOG(INFO) << "the stream of " << RoleWord(peer_.role) << " " << peer_.name
              << " has ended: " << status;
    // After the loop has stopped, nothing needs this event.
    (void)service_.loop_->Post([id = id_, &clock = service_.loop_->clock()](Cluster& cluster) {
      cluster.OnStreamClosed(id, clock.Elapsed());
    });
    service_.Forget(id_);
  }

  ClusterService& service_;
  const StreamId id_;
  const rpc::Peer peer_;
  bool said_hello_ = false;  // Needs no lock: OnMessage() runs one at a time.
};

// A node that listens to which mgmt leads. Only the last word waits for it.
class ClusterService::LeaderStream final
    : public rpc::ServerStream<v1::WhoLeadsRequest, v1::Leader> {
 public:
  LeaderStream(grpc::CallbackServerContext* context, ClusterService& service)
      : ServerStream(context, {.queue_bytes_max = kQueueBytesMax}), service_(service) {}

 private:
  void OnMessage(v1::WhoLeadsRequest& /*message*/) override {
    Cancel(absl::InvalidArgumentError("nothing is said on this stream"));
  }
  void OnClosed(const absl::Status& /*status*/) override { service_.Forget(this); }
  bool Merge(v1::Leader& waiting, v1::Leader& next) override {
    waiting.Swap(&next);
    return true;
  }

  ClusterService& service_;
};

grpc::ServerUnaryReactor* ClusterService::Renew(grpc::CallbackServerContext* context,
                                                const v1::RenewRequest* request,
                                                v1::RenewResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context, pins_);
    if (!peer.ok()) {
      return reply.Finish(peer.status());
    }
    members_.Renew({peer->role, peer->name}, request->csr_pem(),
                   [reply = std::move(reply), response](absl::StatusOr<std::string> chain) mutable {
                     if (!chain.ok()) return reply.Finish(chain.status());
                     response->set_certificate_chain_pem(*chain);
                     reply.Finish(absl::OkStatus());
                   });
  });
}

grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* ClusterService::Attach(
    grpc::CallbackServerContext* context) {
  const absl::Status leads = SayLeader(context);
  const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context, pins_);
  if (!peer.ok()) return rpc::RefuseStream<v1::FromNode, v1::ToNode>(peer.status());
  if (!leads.ok()) return rpc::RefuseStream<v1::FromNode, v1::ToNode>(leads);
  std::shared_ptr<NodeStream> stream;
  {
    absl::MutexLock lock(&mu_);
    const StreamId id = ++last_stream_;
    stream = std::make_shared<NodeStream>(context, *this, id, *peer);
    streams_.emplace(id, stream);
  }
  LOG(INFO) << RoleWord(peer->role) << " " << peer->name << " attaches from "
            << rpc::WithPlainAddresses(context->peer());
  return stream->Start(pins_, peer->pin);
}

absl::Status ClusterService::SayLeader(grpc::CallbackServerContext* context) const {
  absl::MutexLock lock(&mu_);
  rpc::SayEpoch(context, leader_.epoch());  // A refusal counts only with it.
  if (leader_.is_self()) return absl::OkStatus();
  if (leader_.grpc_addresses_size() > 0) rpc::SayLeader(context, leader_.grpc_addresses(0));
  return absl::UnavailableError("this management server does not lead");
}

grpc::ServerBidiReactor<v1::WhoLeadsRequest, v1::Leader>* ClusterService::WhoLeads(
    grpc::CallbackServerContext* context) {
  const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context, pins_);
  if (!peer.ok()) return rpc::RefuseStream<v1::WhoLeadsRequest, v1::Leader>(peer.status());
  auto listener = std::make_shared<LeaderStream>(context, *this);
  {
    absl::MutexLock lock(&mu_);
    listeners_.emplace(listener.get(), listener);
    listener->Send(leader_).IgnoreError();  // One that has ended is forgotten.
  }
  return listener->Start(pins_, peer->pin);
}

void ClusterService::SetLeader(const v1::Leader& leader) {
  absl::MutexLock lock(&mu_);
  leader_ = leader;
  // Under the lock, so that the last word is the last one heard. Send() only queues.
  for (const auto& [key, listener] : listeners_) listener->Send(leader).IgnoreError();
}

void ClusterService::Forget(const LeaderStream* listener) {
  std::shared_ptr<LeaderStream> last;  // Ends outside the lock.
  absl::MutexLock lock(&mu_);
  const auto found = listeners_.find(listener);
  if (found == listeners_.end()) return;
  last = std::move(found->second);
  listeners_.erase(found);
}

std::shared_ptr<ClusterService::NodeStream> ClusterService::Find(StreamId stream) const {
  absl::MutexLock lock(&mu_);
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

void ClusterService::Forget(StreamId stream) {
  std::shared_ptr<NodeStream> last;  // Destroyed after the lock is released.
  absl::MutexLock lock(&mu_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  last = std::move(found->second);
  streams_.erase(found);
}

void ClusterService::Send(StreamId id, const v1::ToNode& message) {
  const std::shared_ptr<NodeStream> stream = Find(id);
  if (stream == nullptr) return;
  const absl::Status sent = stream->Send(message);
  // The node missed a message, so it must attach again.
  if (!sent.ok()) stream->Cancel(sent);
}

void ClusterService::Close(StreamId id, const absl::Status& reason) {
  const std::shared_ptr<NodeStream> stream = Find(id);
  if (stream == nullptr) return;
  LOG(WARNING) << "closing the stream of " << RoleWord(stream->peer().role) << " "
               << stream->peer().name << ": " << reason;
  // A node that was silent for long would not read the reason.
  if (absl::IsDeadlineExceeded(reason)) {
    stream->Cancel(reason);
  } else {
    stream->Close(reason);
  }
}

}  // namespace convergia::mgmt
