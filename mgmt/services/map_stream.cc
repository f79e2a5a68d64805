#include "mgmt/services/map_stream.h"

#include <utility>

#include "common/rpc/status.h"

namespace convergia::mgmt {
namespace {

constexpr int kRowsOfUpdateMax = 1'000;

}  // namespace

grpc::ServerWriteReactor<v1::ServerMapUpdate>* MapStream::Start() {
  self_ = shared_from_this();
  StartSendInitialMetadata();  // The edge knows that it watches without waiting for a change.
  const bool posted = loop_.Post([stream = self_](Cluster& cluster) {
    stream->watcher_ = stream->watchers_.Add(
        [stream](const std::vector<v1::ServerMapRow>& rows) { stream->Tell(rows); });
    cluster.SetMapWatched(true);
  });
  if (!posted) End(absl::UnavailableError("the management server is busy or stopping"));
  return this;
}

void MapStream::Tell(const std::vector<v1::ServerMapRow>& rows) {
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % kRowsOfUpdateMax == 0) waiting_.emplace_back();
      *waiting_.back().add_rows() = rows[i];
    }
    if (waiting_.size() > kUpdatesMax) {
      ending_ = true;
      status_ = absl::ResourceExhaustedError("too slow; read the map and watch again");
    }
  }
  Step();
}

void MapStream::End(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    if (ending_) return;
    ending_ = true;
    status_ = status;
  }
  Step();
}

void MapStream::Step() {
  absl::Status status;
  bool finish = false;
  {
    absl::MutexLock lock(&mu_);
    if (in_flight_ || finished_) return;
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
  // If the loop has stopped, the watchers are as good as gone.
  (void)loop_.Post([stream = std::move(last)](Cluster& cluster) {
    stream->watchers_.Remove(stream->watcher_);
    cluster.SetMapWatched(!stream->watchers_.empty());
  });
}

}  // namespace convergia::mgmt
