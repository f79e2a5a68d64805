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
// them. The stream is there while anyone watches and mgmt is attached; each update is made a packet
// once.
//
// A session is answered OK once mgmt has said that the stream watches. When a stream breaks, one
// who watched may miss changes; as soon as there is a new one, a NOTICE tells them to read the map.
//
// Thread-safe.
class MapWatch {
 public:
  static constexpr absl::Duration kOpenTimeout = absl::Seconds(10);

  using ChannelSource = std::function<std::shared_ptr<grpc::Channel>()>;

  // `channel` returns one that leads to the present mgmt. It is called after each OnAttached().
  explicit MapWatch(ChannelSource channel, absl::Duration open_timeout = kOpenTimeout);
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
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);  // For the stream to open.
  bool is_open_ ABSL_GUARDED_BY(mu_) = false;          // mgmt has said that the stream watches.

  ThreadExecutor executor_;
  Stream stream_;
};

}  // namespace convergia::edge
