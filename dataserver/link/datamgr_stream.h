#pragma once

#include <memory>
#include <optional>

#include "common/rpc/epoch_metadata.h"
#include "common/rpc/stream_reactor.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/link/datamgr_link.h"
#include "dataserver/link/request_handler.h"

namespace convergia::dataserver {

// One stream to datamgr: hands requests to the handler and packs the responses. `link` and
// `handler` outlive OnClosed(); a response that comes later goes nowhere.
class DatamgrStream final : public rpc::ClientStream<v1::ToDataServer, v1::FromDataServer> {
 public:
  DatamgrStream(DatamgrLink* link, ChunkRequestHandler* handler, int index)
      : ClientStream(rpc::StreamOptions{
            // datamgr asks no more than the window before it has read the answers.
            .queue_bytes_max = handler->window_bytes() + kSlackBytes,
            .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        link_(link),
        handler_(handler),
        index_(index) {}

 private:
  static constexpr size_t kSlackBytes = 1024 * 1024;
  // Small responses go together; large ones gain nothing by waiting for each other.
  static constexpr size_t kMergedBytesMax = 128 * 1024;

  // The first message says which start of datamgr this is.
  void OnMessage(v1::ToDataServer& message) override {
    if (!admitted_.has_value()) {
      epoch_ = message.epoch();
      admitted_ = link_->OnDatamgr(index_, this, epoch_);
      if (!admitted_->ok()) Cancel(*admitted_);
    }
    if (!admitted_->ok()) return;
    if (message.has_settings()) link_->OnSettings(index_, message.settings());
    std::weak_ptr<Stream> weak = weak_from_this();
    for (v1::ChunkRequest& request : *message.mutable_requests()) {
      handler_->Handle(epoch_, std::move(request), [weak](v1::ChunkResponse response) {
        const auto stream = weak.lock();
        if (stream == nullptr) return;
        v1::FromDataServer answer;
        *answer.add_responses() = std::move(response);
        // A stream that has ended takes nothing; datamgr asks again on another.
        stream->Send(std::move(answer)).IgnoreError();
      });
    }
  }

  bool Merge(v1::FromDataServer& waiting, v1::FromDataServer& next) override {
    if (waiting.has_hello() || next.has_report() || next.has_hello()) return false;
    if (waiting.ByteSizeLong() + next.ByteSizeLong() > kMergedBytesMax) return false;
    for (v1::ChunkResponse& response : *next.mutable_responses()) {
      *waiting.add_responses() = std::move(response);
    }
    return true;
  }

  void OnClosed(const absl::Status& status) override {
    link_->OnLaneClosed(index_, this, status, rpc::SaidEpoch(context()));
  }

  DatamgrLink* const link_;
  ChunkRequestHandler* const handler_;
  const int index_;
  // Only in OnMessage(), which is called one at a time.
  Epoch epoch_ = 0;
  std::optional<absl::Status> admitted_;
};

}  // namespace convergia::dataserver
