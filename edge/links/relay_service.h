#pragma once

#include "common/rpc/auth/peer.h"
#include "common/rpc/streams/stream_reactor.h"
#include "convergia/v1/relay.grpc.pb.h"
#include "edge/links/peer_links.h"

namespace convergia::edge {

// The gRPC service of the links. It identifies the caller by certificate; PeerLinks does the rest.
class RelayService final : public v1::Relay::CallbackService {
 public:
  // Both must outlive the service.
  RelayService(const rpc::PinSet* pins, PeerLinks* links) : pins_(pins), links_(links) {}

  grpc::ServerBidiReactor<v1::Frame, v1::Frame>* Link(
      grpc::CallbackServerContext* context) override {
    const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context, *pins_);
    if (!peer.ok()) return rpc::RefuseStream<v1::Frame, v1::Frame>(peer.status());
    return links_->Accept(context, *peer);
  }

 private:
  const rpc::PinSet* const pins_;
  PeerLinks* const links_;
};

}  // namespace convergia::edge
