#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/lineserver/session.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::edge {

// WATCHSERVERMAP: the sessions that watch the map, and the one stream from mgmt for all of them.
// The stream is there while anyone watches and mgmt is attached; each update is made a packet once.
//
// Thread-safe.
class MapWatch {
 public:
  // `stub` must outlive Stop().
  explicit MapWatch(v1::Accounts::Stub* stub) : stub_(stub) {}
  ~MapWatch() { Stop(); }

  // mgmt has come or gone.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  void OnDetached() ABSL_LOCKS_EXCLUDED(mu_);

  // Errors: MANAGEMENTDOWN: nothing would come now.
  absl::Status Add(lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream; returns when it has. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;

  // A new stream, to be opened without the lock; null if there is no need of one.
  std::shared_ptr<Stream> MakeIfNeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Open(const std::shared_ptr<Stream>& stream);
  bool HasEnded() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stream_ == nullptr; }
  void OnUpdate(const v1::ServerMapUpdate& update) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(const Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  v1::Accounts::Stub* const stub_;
  absl::Mutex mu_;
  bool attached_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<uint64_t, lineserver::SessionHandle> watchers_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Stream> stream_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::edge
