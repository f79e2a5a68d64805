#include "mgmt/services/map_stream.h"

#include <glog/logging.h>

#include <utility>

#include "common/base/limits.h"
#include "common/rpc/calls/deadline.h"
#include "common/rpc/calls/status.h"
#include "mgmt/views/server_map.h"

namespace convergia::mgmt {
namespace {

constexpr int kRowsOfUpdateMax = 1'000;

absl::Status Revoked() { return absl::PermissionDeniedError("the peer's certificate was revoked"); }

}  // namespace

grpc::ServerWriteReactor<v1::ServerMapUpdate>* MapStream::Start(const rpc::PinSet& pins,
                                                                const identity::Pin& pin) {
  self_ = shared_from_this();
  revocation_ =
      pins.AddRevocationListener([weak = weak_from_this(), pin](const identity::Pin& revoked) {
        const auto stream = revoked == pin ? weak.lock() : nullptr;
        if (stream != nullptr) stream->End(Revoked());
      });
  const bool posted = loop_.Post([stream = self_](Cluster& cluster) {
    stream->watcher_ = stream->watchers_.Add(
        [stream](const std::vector<v1::ServerMapRow>& rows) { stream->Tell(rows); });
    cluster.SetMapWatched(true);
    stream->SayThatItWatches();
  });
  if (!posted) End(absl::UnavailableError("the management server is busy or stopping"));
  // The pin may have been revoked since the call was admitted.
  if (!pins.Find(pin).has_value()) End(Revoked());
  return this;
}

grpc::ServerWriteReactor<v1::ServerMapUpdate>* MapStream::Refuse(const absl::Status& status) {
  class Refusal final : public grpc::ServerWriteReactor<v1::ServerMapUpdate> {
   public:
    explicit Refusal(const absl::Status& status) { Finish(rpc::ToGrpcStatus(status)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(status);
}

void MapStream::SayThatItWatches() {
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    in_flight_ = true;
  }
  StartSendInitialMetadata();
}

void MapStream::OnSendInitialMetadataDone(bool ok) { OnWriteDone(ok); }

void MapStream::Tell(const std::vector<v1::ServerMapRow>& rows) {
  if (rows.size() > ServerMap::kChangesAtOnceMax) {
    // The edge opens a new watch and tells its watchers to read the map again.
    return End(absl::ResourceExhaustedError("too much has changed; read the map and watch again"));
  }
  bool too_slow = false;
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % kRowsOfUpdateMax == 0) waiting_.emplace_back();
      *waiting_.back().add_rows() = rows[i];
    }
    too_slow = waiting_.size() > kUpdatesMax;
  }
  if (too_slow) return End(absl::ResourceExhaustedError("too slow; read the map and watch again"));
  Step();
}

void MapStream::End(const absl::Status& status) {
  bool writes = false;
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    ending_ = true;
    status_ = status;
    waiting_.clear();
    writes = in_flight_;
  }
  // If the edge does not read, the pending write and the status behind it would never leave.
  if (writes) {
    patience_.Set(rpc::DeadlineIn(limits::kFarewellMax), [weak = weak_from_this()](bool is_due) {
      const auto stream = is_due ? weak.lock() : nullptr;
      if (stream != nullptr) stream->Cut();
    });
  }
  Step();
}

void MapStream::Cut() {
  {
    absl::MutexLock lock(&mu_);
    if (!in_flight_ || finished_) return;
    cutting_ = true;
  }
  context_->TryCancel();
  {
    absl::MutexLock lock(&mu_);
    cutting_ = false;
  }
  Step();
}

void MapStream::Step() {
  absl::Status status;
  bool finish = false;
  {
    absl::MutexLock lock(&mu_);
    if (in_flight_ || cutting_ || finished_) return;
    if (ending_) {
      finish = finished_ = true;
      status = status_;
    } else if (waiting_.empty()) {
      return;
    } else {
      in_flight_ = true;
      writing_ = std::move(waiting_.front());
      waiting_.pop_front();
    }
  }
  if (finish) {
    Finish(rpc::ToGrpcStatus(status));
  } else {
    StartWrite(&writing_);
  }
}

void MapStream::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    in_flight_ = false;
  }
  if (!ok) End(absl::UnavailableError("the edge has gone"));
  Step();
}

void MapStream::OnCancel() { End(absl::CancelledError("the edge ended its watch")); }

void MapStream::OnDone() {
  auto last = std::move(self_);
  {
    absl::MutexLock lock(&mu_);
    LOG(INFO) << "a watch of the map has ended: " << status_;
  }
  revocation_.reset();
  // If the loop has stopped, it no longer calls the watchers.
  (void)loop_.Post([stream = std::move(last)](Cluster& cluster) {
    stream->watchers_.Remove(stream->watcher_);
    cluster.SetMapWatched(!stream->watchers_.empty());
  });
}

}  // namespace convergia::mgmt
