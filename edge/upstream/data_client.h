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

// What the edge asks of datamgr in the name of its clients, over one standing stream, which it
// dials again for as long as it is away. Every error is one that the client may read: datamgr's
// own; STORAGEDOWN, at once, while datamgr cannot be reached; UNCONFIRMED if it was lost while at
// it.
//
// It listens only to the latest start of datamgr: an earlier one, by its epoch, is like one that
// cannot be reached.
//
// Thread-safe. `done` is called once, on any thread, perhaps before the call returns; must not
// block.
class DataClient {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::DataResponse>)>;

  struct Options {
    std::function<std::shared_ptr<grpc::Channel>(const std::string& name,
                                                 const std::string& address)>
        make_channel;
    // Both on a gRPC thread; must not block.
    std::function<void(const v1::MessageArrival&)> on_arrival;
    std::function<void()> on_up;  // datamgr is there, for the first time or again.
    // Of datamgr. Outlives the client.
    rpc::HighestEpoch* epochs = nullptr;
    const Clock* clock = &RealClock::Get();
  };
  explicit DataClient(Options options);
  ~DataClient() { Stop(); }

  // Where datamgr is, each time mgmt says it.
  void SetDatamgr(const std::string& name, const std::string& address);

  // All but `id` is the caller's to fill in. Requests of one session are done in the order of
  // these calls.
  void Ask(v1::DataRequest request, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  bool is_up() const { return stream_.is_up(); }

  // Ends what is under way; each `done` has returned then. Idempotent.
  void Stop() { stream_.Stop(); }

 private:
  using Stream = rpc::StandingStream<v1::DataToEdge, v1::DataFromEdge>;
  struct Pending {
    Done done;
    bool changes = false;  // Something, if it was done.
    absl::Duration since;
  };

  Stream::Hooks MakeHooks();
  // An error if nothing is answered.
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

// STORAGEDOWN.
absl::Status StorageIsDown();

}  // namespace convergia::edge
