#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/rpc/epochs/highest_epoch.h"
#include "common/rpc/streams/standing_stream.h"
#include "convergia/v1/data.grpc.pb.h"

namespace convergia::edge {

// The edge's requests to datamgr for its clients, over one standing stream. The stream is dialled
// again as long as datamgr is away. Every error has a FailCode and a text for the client:
//   datamgr's own
//   STORAGEDOWN  at once while datamgr cannot be reached; also if the connection was lost, or
//                datamgr stopped in order, and nothing was changed.
//   UNCONFIRMED  the connection was lost during a request that changes something.
//   BUSY         too much waits to be sent.
//
// Only the latest start of datamgr counts. One of an earlier epoch is treated like one that cannot
// be reached. A datamgr that does not answer a request for 90 s is dialled again.
//
// Thread-safe. `done` is called once, on any thread, perhaps before the call returns; it must not
// block.
class DataClient {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::DataResponse>)>;

  struct Options {
    std::function<std::shared_ptr<grpc::Channel>(const std::string& name,
                                                 const std::string& address)>
        make_channel;
    // Both are called on a gRPC thread and must not block.
    std::function<void(const v1::MessageArrival&)> on_arrival;
    std::function<void()> on_up;  // datamgr has greeted, for the first time or again.
    // The epochs of datamgr. Outlives the client.
    rpc::HighestEpoch* epochs = nullptr;
    const Clock* clock = &RealClock::Get();
  };
  explicit DataClient(Options options);
  ~DataClient() { Stop(); }

  // Sets the name and address ("host:port") of datamgr. Called with each message of mgmt about it.
  void SetDatamgr(const std::string& name, const std::string& address);

  // Sends `request`. The caller fills in all fields but `id`. datamgr carries out the requests of
  // one session in the order of these calls.
  void Ask(v1::DataRequest request, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  bool is_up() const { return stream_.is_up(); }

  // Ends the stream. Returns when each `done` has returned. Idempotent; not from `done`.
  void Stop() { stream_.Stop(); }

 private:
  using Stream = rpc::StandingStream<v1::DataToEdge, v1::DataFromEdge>;
  struct Pending {
    Done done;
    bool changes = false;  // The request changes something.
    absl::Duration since;
  };

  Stream::Hooks MakeHooks();
  // An error if the oldest request waits too long.
  absl::Status Watch() ABSL_LOCKS_EXCLUDED(mu_);
  void OnMessage(v1::DataToEdge& message) ABSL_LOCKS_EXCLUDED(mu_);
  void OnDown(const Stream::End& end) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;

  absl::Mutex mu_;
  std::map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;

  ThreadExecutor executor_;
  Stream stream_;
};

// The error STORAGEDOWN.
absl::Status StorageIsDown();

}  // namespace convergia::edge
