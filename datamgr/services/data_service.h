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
#include "common/rpc/pin_set.h"
#include "convergia/v1/data.grpc.pb.h"
#include "datamgr/scheduler/request_scheduler.h"

namespace convergia::datamgr {

class EdgeStream;

// Data: what edges ask in the name of their users. Translates; the scheduler decides. Thread-safe.
class DataService final : public v1::Data::CallbackService {
 public:
  struct Deps {  // All must outlive the service.
    const rpc::PinSet* pins = nullptr;
    RequestScheduler* scheduler = nullptr;
  };
  // `epoch`: which start of datamgr this is.
  DataService(const Deps& deps, Epoch epoch) : deps_(deps), epoch_(epoch) {}

  // Ends all streams, once what was answered is sent, and waits for that, at most `longest`. The
  // edges are told `reason`; FailCode::kStorageDown: what was not answered was not done.
  void CloseStreams(const absl::Status& reason, absl::Duration longest) ABSL_LOCKS_EXCLUDED(mu_);

  // The edges that are here now, each once, ascending.
  std::vector<NodeId> ConnectedEdges() const ABSL_LOCKS_EXCLUDED(mu_);

  // Tells all edges of messages that have come.
  void Announce(const std::vector<Arrival>& arrivals) ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<v1::DataFromEdge, v1::DataToEdge>* Serve(
      grpc::CallbackServerContext* context) override;

 private:
  friend class EdgeStream;
  // Of the edge `name`, or of all if that is empty.
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
