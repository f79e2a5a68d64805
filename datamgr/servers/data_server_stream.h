#pragma once

#include "common/rpc/streams/stream_reactor.h"
#include "datamgr/servers/server_hub.h"

namespace convergia::datamgr {

// One stream of one data server. Hands its messages to the hub, and packs small requests into one
// message. The hub outlives OnClosed(). Thread-safe, as rpc::Stream is.
class DataServerStream final : public rpc::ServerStream<v1::FromDataServer, v1::ToDataServer> {
 public:
  DataServerStream(grpc::CallbackServerContext* context, ServerHub* hub, const rpc::Peer& peer)
      // The hub keeps requests within the window of the data server. This bound only matters if
      // that window is huge.
      : ServerStream(context, {.queue_bytes_max = kQueueBytesMax,
                               .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        hub_(hub),
        peer_(peer) {}

  const rpc::Peer& peer() const { return peer_; }

 private:
  static constexpr size_t kQueueBytesMax = 256 * 1024 * 1024;
  static constexpr size_t kMergedBytesMax = 128 * 1024;

  void OnMessage(v1::FromDataServer& message) override {
    if (message.has_hello()) {
      const absl::Status taken = hub_->OnHello(this, message.hello());
      if (!taken.ok()) return Close(taken);
    }
    if (message.has_report()) hub_->OnReport(this, message.report());
    for (v1::ChunkResponse& response : *message.mutable_responses()) {
      hub_->OnResponse(this, std::move(response));
    }
  }

  bool Merge(v1::ToDataServer& waiting, v1::ToDataServer& next) override {
    if (waiting.has_settings() || next.has_settings()) return false;
    if (waiting.ByteSizeLong() + next.ByteSizeLong() > kMergedBytesMax) return false;
    for (v1::ChunkRequest& request : *next.mutable_requests()) {
      *waiting.add_requests() = std::move(request);
    }
    return true;
  }

  void OnClosed(const absl::Status& /*status*/) override { hub_->OnClosed(this); }

  ServerHub* const hub_;
  const rpc::Peer peer_;
};

}  // namespace convergia::datamgr
