#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/executor.h"
#include "common/lineserver/responder.h"
#include "common/lineserver/session.h"
#include "common/rpc/streams/standing_stream.h"
#include "convergia/v1/server_map.pb.h"

namespace convergia::edge {

// WATCHSERVERMAP: the sessions that watch the map, and the one standing stream from mgmt for all of
// them. The stream is up while a session watches and mgmt is attached. Each update becomes a packet
// once, and all sessions share it.
//
// A session gets OK when mgmt has confirmed the stream with its initial metadata. A watcher may
// miss changes while the stream is broken. After the next confirmation it gets a NOTICE to read the
// map again.
//
// Thread-safe.
class MapWatch {
 public:
  static constexpr absl::Duration kOpenTimeout = absl::Seconds(10);

  using ChannelSource = std::function<std::shared_ptr<grpc::Channel>()>;

  // `channel` returns a channel to the present mgmt. It is called at the first dial after each
  // OnAttached(), on a thread of this object. A stream that mgmt does not confirm within
  // `open_timeout` counts as failed.
  explicit MapWatch(ChannelSource channel, absl::Duration open_timeout = kOpenTimeout);
  ~MapWatch() { Stop(); }

  // Report that mgmt is attached, or gone.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  void OnDetached() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes `session` watch. Answers `responder` OK as soon as it watches, or MANAGEMENTDOWN if mgmt
  // is away or refuses.
  void Add(lineserver::Session& session, lineserver::Responder responder) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the watch of `session`. A responder that still waits for it gets OK.
  void Remove(lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream and waits for its end. Responders that wait get MANAGEMENTDOWN. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream = rpc::StandingStream<v1::ServerMapUpdate, v1::WatchServerMapRequest>;
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
  static Stream::Options StreamOptions(absl::Duration open_timeout);
  Stream::Hooks MakeHooks(ChannelSource channel);
  void UpdateWanted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void OnUp() ABSL_LOCKS_EXCLUDED(mu_);
  void OnUpdate(const v1::ServerMapUpdate& update) ABSL_LOCKS_EXCLUDED(mu_);
  void OnDown(const Stream::End& end) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;
  bool attached_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t attaches_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);  // Until the stream is confirmed.
  bool is_open_ ABSL_GUARDED_BY(mu_) = false;          // mgmt has confirmed the stream.

  ThreadExecutor executor_;
  Stream stream_;
};

}  // namespace convergia::edge
