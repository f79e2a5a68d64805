#pragma once

#include <memory>

#include "common/rpc/stream_reactor.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/link/datamgr_link.h"
#include "dataserver/link/request_desk.h"

namespace convergia::dataserver {

// One lane to datamgr: hands requests to the desk and packs the responses. `link` and `desk`
// outlive OnClosed(); a response that comes later goes nowhere.
class Lane final : public rpc::ClientStream<v1::ToDataServer, v1::FromDataServer> {
 public:
  Lane(DatamgrLink* link, RequestDesk* desk, int index)
      : ClientStream(rpc::StreamOptions{
            // datamgr asks no more than the window before it has read the answers.
            .queue_bytes_max = desk->window_bytes() + kSlackBytes,
            .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        link_(link),
        desk_(desk),
        index_(index) {}

 private:
  static constexpr size_t kSlackBytes = 1024 * 1024;
  // Small responses go together; large ones gain nothing by waiting for each other.
  static constexpr size_t kMergedBytesMax = 128 * 1024;

  void OnMessage(v1::ToDataServer& message) override {
    if (message.has_settings()) link_->OnSettings(index_, message.settings());
    std::weak_ptr<Stream> weak = weak_from_this();
    for (v1::ChunkRequest& request : *message.mutable_requests()) {
      desk_->Handle(std::move(request), [weak](v1::ChunkResponse response) {
        const auto lane = weak.lock();
        if (lane == nullptr) return;
        v1::FromDataServer answer;
        *answer.add_responses() = std::move(response);
        // A lane that has ended takes nothing; datamgr asks again on another.
        lane->Send(std::move(answer)).IgnoreError();
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

  void OnClosed(const absl::Status& status) override { link_->OnLaneClosed(index_, this, status); }

  DatamgrLink* const link_;
  RequestDesk* const desk_;
  const int index_;
};

}  // namespace convergia::dataserver
