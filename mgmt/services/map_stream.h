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
#include "common/rpc/pin_set.h"
#include "convergia/v1/server_map.pb.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/views/map_watchers.h"

namespace convergia::mgmt {

// One edge's watch of the server map (Accounts.WatchServerMap): writes the changes until the edge
// ends it, or falls too far behind; then it must read the map anew.
//
// Life: Start() -> watches on the loop -> OnDone(). Held by itself and by the watcher. Thread-safe.
class MapStream final : public grpc::ServerWriteReactor<v1::ServerMapUpdate>,
                        public std::enable_shared_from_this<MapStream> {
 public:
  static constexpr size_t kUpdatesMax = 1'000;  // That wait for the edge to read.

  MapStream(grpc::CallbackServerContext* context, ClusterLoop& loop, MapWatchers& watchers)
      : context_(context), loop_(loop), watchers_(watchers) {}

  // Once. Returns what the service's method returns. Ends (kPermissionDenied) once `pin` is revoked
  // in `pins`, which must outlive the stream.
  grpc::ServerWriteReactor<v1::ServerMapUpdate>* Start(const rpc::PinSet& pins,
                                                       const identity::Pin& pin);

  // For whom there is no stream: an answer that only says why.
  static grpc::ServerWriteReactor<v1::ServerMapUpdate>* Refuse(const absl::Status& status);

 private:
  // The initial metadata, which the edge awaits: from here on it misses nothing.
  void SayThatItWatches() ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(const std::vector<v1::ServerMapRow>& rows) ABSL_LOCKS_EXCLUDED(mu_);
  // The status waits for the write in flight, but no longer than limits::kFarewellMax.
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void Cut() ABSL_LOCKS_EXCLUDED(mu_);
  // Begins the next write, or the end, if it is due.
  void Step() ABSL_LOCKS_EXCLUDED(mu_);

  void OnSendInitialMetadataDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  grpc::CallbackServerContext* const context_;
  ClusterLoop& loop_;
  MapWatchers& watchers_;
  std::shared_ptr<MapStream> self_;   // Until OnDone().
  std::shared_ptr<void> revocation_;  // The same; the listener.
  MapWatchers::Id watcher_ = 0;       // The loop's thread only.
  grpc::Alarm patience_;              // Set by End(), once.

  absl::Mutex mu_;
  v1::ServerMapUpdate writing_;  // gRPC's while a write is in flight.
  std::deque<v1::ServerMapUpdate> waiting_ ABSL_GUARDED_BY(mu_);
  bool in_flight_ ABSL_GUARDED_BY(mu_) = false;  // A write, or the initial metadata.
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  bool cutting_ ABSL_GUARDED_BY(mu_) = false;  // The call is in use, and must not end.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
