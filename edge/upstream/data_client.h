#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/rpc/highest_epoch.h"
#include "convergia/v1/data.grpc.pb.h"

namespace convergia::edge {

class DataStream;

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
  void SetDatamgr(const std::string& name, const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);

  // All but `id` is the caller's to fill in. Requests of one session are done in the order of
  // these calls.
  void Ask(v1::DataRequest request, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  bool is_up() const ABSL_LOCKS_EXCLUDED(mu_);

  // Ends what is under way; each `done` has returned then. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class DataStream;
  struct Pending {
    Done done;
    bool changes = false;  // Something, if it was done.
    absl::Duration since;
  };

  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  void Dial() ABSL_LOCKS_EXCLUDED(mu_);
  // Cuts a stream on which nothing is answered, or that leads elsewhere.
  void Watch() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether to listen to the datamgr that begins `stream` with `epoch`; if not, cuts it.
  bool AdmitDatamgr(const DataStream* stream, Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);
  void OnMessage(const DataStream* stream, v1::DataToEdge& message) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(const DataStream* stream, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;

  mutable absl::Mutex mu_;
  std::string name_ ABSL_GUARDED_BY(mu_);
  std::string address_ ABSL_GUARDED_BY(mu_);
  bool moved_ ABSL_GUARDED_BY(mu_) = false;                  // Since the channel was made.
  std::shared_ptr<DataStream> stream_ ABSL_GUARDED_BY(mu_);  // Until it has closed.
  bool up_ ABSL_GUARDED_BY(mu_) = false;                     // datamgr has greeted on it.
  std::map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::string complaint_ ABSL_GUARDED_BY(mu_);  // Of a datamgr that was not listened to.
  Backoff backoff_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // The loop's own.
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Data::Stub> stub_;
  std::thread thread_;
};

// STORAGEDOWN.
absl::Status StorageIsDown();

}  // namespace convergia::edge
