#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/data.grpc.pb.h"
#include "datamgr/scheduler/request_scheduler.h"

namespace convergia::datamgr {

class EdgeStream;

// The gRPC service Data: requests of edges on behalf of their users. It translates and bounds; the
// RequestScheduler decides. Thread-safe.
class DataService final : public v1::Data::CallbackService {
 public:
  struct Deps {  // All must outlive the service.
    const rpc::PinSet* pins = nullptr;
    RequestScheduler* scheduler = nullptr;
  };
  // `epoch` is the epoch of this start of datamgr.
  DataService(const Deps& deps, Epoch epoch) : deps_(deps), epoch_(epoch) {}

  // Sends waiting answers, then ends all streams. Waits for that at most `longest`. The edges
  // receive `reason`; FailCode::kStorageDown means that unanswered requests were not carried out.
  void CloseStreams(const absl::Status& reason, absl::Duration longest) ABSL_LOCKS_EXCLUDED(mu_);

  // The edges that are connected now, each once, ascending.
  std::vector<NodeId> ConnectedEdges() const ABSL_LOCKS_EXCLUDED(mu_);

  // Tells all edges of new messages.
  void Announce(const std::vector<Arrival>& arrivals) ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<v1::DataFromEdge, v1::DataToEdge>* Serve(
      grpc::CallbackServerContext* context) override;

 private:
  friend class EdgeStream;
  // The streams of the edge `name`; if `name` is empty, all streams.
  std::vector<std::shared_ptr<EdgeStream>> StreamsOf(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<std::shared_ptr<EdgeStream>> AllStreams() const ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(uint64_t stream) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  const Epoch epoch_;
  mutable absl::Mutex mu_;
  uint64_t last_stream_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, std::weak_ptr<EdgeStream>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::datamgr
