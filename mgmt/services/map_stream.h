#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/server_map.pb.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/views/map_watchers.h"

namespace convergia::mgmt {

// One edge's watch of the server map (Accounts.WatchServerMap). It writes changes until the edge
// ends it. If the edge falls too far behind, the stream ends, and the edge must read the map again.
//
// Life: Start() -> watches on the loop -> OnDone(). The object and its watcher own it together.
// Thread-safe.
class MapStream final : public grpc::ServerWriteReactor<v1::ServerMapUpdate>,
                        public std::enable_shared_from_this<MapStream> {
 public:
  static constexpr size_t kUpdatesMax = 1'000;  // The bound on updates that wait for the edge to
                                                // read.

  MapStream(grpc::CallbackServerContext* context, ClusterLoop& loop, MapWatchers& watchers)
      : context_(context), loop_(loop), watchers_(watchers) {}

  // Call once. Returns the reactor for the service's method. When `pin` is revoked in `pins`, the
  // stream ends with kPermissionDenied. `pins` must outlive the stream.
  grpc::ServerWriteReactor<v1::ServerMapUpdate>* Start(const rpc::PinSet& pins,
                                                       const identity::Pin& pin);

  // Answers a refused call with `status` only.
  static grpc::ServerWriteReactor<v1::ServerMapUpdate>* Refuse(const absl::Status& status);

 private:
  // Sends the initial metadata, which the edge awaits: from now on it misses no change.
  void SayThatItWatches() ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(const std::vector<v1::ServerMapRow>& rows) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the stream. The status waits for a write in flight, but at most limits::kFarewellMax.
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void Cut() ABSL_LOCKS_EXCLUDED(mu_);
  // Starts the next write, or sends the status if the stream is ending.
  void Step() ABSL_LOCKS_EXCLUDED(mu_);

  void OnSendInitialMetadataDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  grpc::CallbackServerContext* const context_;
  ClusterLoop& loop_;
  MapWatchers& watchers_;
  std::shared_ptr<MapStream> self_;   // Until OnDone().
  std::shared_ptr<void> revocation_;  // Until OnDone(); the listener.
  MapWatchers::Id watcher_ = 0;       // Only on the loop's thread.
  grpc::Alarm patience_;              // Set by End(), once.

  absl::Mutex mu_;
  v1::ServerMapUpdate writing_;  // Belongs to gRPC while a write is in flight.
  std::deque<v1::ServerMapUpdate> waiting_ ABSL_GUARDED_BY(mu_);
  bool in_flight_ ABSL_GUARDED_BY(mu_) = false;  // A write, or the initial metadata.
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  bool cutting_ ABSL_GUARDED_BY(mu_) = false;  // Cut() uses the call, so it must not end yet.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
