#pragma once

#include <grpcpp/alarm.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/lineserver/responder.h"
#include "common/lineserver/session.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::edge {

// WATCHSERVERMAP: the sessions that watch the map, and the one stream from mgmt for all of them.
// The stream is there while anyone watches and mgmt is attached; each update is made a packet once.
//
// A session is answered OK once mgmt has said that the stream watches. When a stream breaks, one
// who watched may miss changes; as soon as there is a new one, a NOTICE tells them to read the map.
//
// Thread-safe.
class MapWatch {
 public:
  static constexpr absl::Duration kOpenTimeout = absl::Seconds(10);

  // `stub` must outlive Stop().
  explicit MapWatch(v1::Accounts::Stub* stub, absl::Duration open_timeout = kOpenTimeout);
  ~MapWatch() { Stop(); }

  // mgmt has come or gone.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  void OnDetached() ABSL_LOCKS_EXCLUDED(mu_);

  // Answers `responder` OK once the session watches, or MANAGEMENTDOWN.
  void Add(lineserver::Session& session, lineserver::Responder responder) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream; returns when it has. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;
  struct Watcher {
    lineserver::SessionHandle session;
    bool missed = false;  // A stream broke while it watched.
  };
  struct Waiting {
    uint64_t id = 0;
    lineserver::SessionHandle session;
    lineserver::Responder responder;
  };

  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return watchers_.empty() && waiting_.empty();
  }
  bool HasEnded() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stream_ == nullptr && !retry_due_;
  }
  // A new stream, to be opened without the lock; null if there is no need of one.
  std::shared_ptr<Stream> MakeIfNeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Open(const std::shared_ptr<Stream>& stream);
  void RetryLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnRetry() ABSL_LOCKS_EXCLUDED(mu_);

  void OnOpened(const Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);
  void OnUpdate(const v1::ServerMapUpdate& update) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(const Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  v1::Accounts::Stub* const stub_;
  const absl::Duration open_timeout_;
  absl::Mutex mu_;
  bool attached_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);  // For the stream to open.
  std::shared_ptr<Stream> stream_ ABSL_GUARDED_BY(mu_);
  bool is_open_ ABSL_GUARDED_BY(mu_) = false;    // mgmt has said that stream_ watches.
  bool is_unused_ ABSL_GUARDED_BY(mu_) = false;  // stream_ was cancelled when nobody watched.
  Backoff backoff_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<grpc::Alarm> retry_ ABSL_GUARDED_BY(mu_);
  bool retry_due_ ABSL_GUARDED_BY(mu_) = false;  // OnRetry() is to come.
};

}  // namespace convergia::edge
