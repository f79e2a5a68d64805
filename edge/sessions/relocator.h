#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/lineserver/session.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/directory/directory.h"
#include "edge/messages/message_shell.h"
#include "edge/sessions/session_handoff.h"

namespace convergia::edge {

// Sends clients to other main servers, as mgmt says, and sees to it that they miss nothing: carries
// out what SessionHandoff decides.
//
// Keeps whether this edge drains: because mgmt orders it, until it says otherwise, or because the
// program is about to stop. Then nobody may sign in, and at the end of the time given those who are
// still here read BYE.
//
// Thread-safe.
class Relocator {
 public:
  static constexpr absl::Duration kTick = absl::Milliseconds(100);
  // Until the others know that the last one has left.
  static constexpr absl::Duration kSettle = absl::Milliseconds(500);

  struct Deps {  // All must outlive the relocator.
    EdgeSessionHub* hub = nullptr;
    MessageShell* messages = nullptr;
    const Directory* directory = nullptr;
    const Clock* clock = nullptr;
    // Called from any thread: heartbeats say something else now.
    std::function<void()> on_drain_change;
  };
  explicit Relocator(Deps deps) : deps_(std::move(deps)) {}
  ~Relocator() { Stop(); }

  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- From mgmt.
  void OnOrder(const v1::Order& order) ABSL_LOCKS_EXCLUDED(mu_);
  // It tells again at once if this edge is to drain.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  void FillHeartbeat(v1::Heartbeat* heartbeat) const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The program is about to stop: drains for `within`.
  void DrainToStop(absl::Duration within) ABSL_LOCKS_EXCLUDED(mu_);
  // Until no client is here and the others know, mgmt says that there is nowhere to go, or
  // `stays()` says no.
  void AwaitGone(absl::Duration within, const std::function<bool()>& stays)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whether clients are sent away, so that none may sign in.
  bool draining() const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Of sessions, on their own thread. HoldsQuit(): this one says QUIT and has to stay a
  // little; Session::Release() follows.
  bool HoldsQuit(const lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(const lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void TickLoop() ABSL_LOCKS_EXCLUDED(mu_);
  void Tick(absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(const v1::Move& move) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;

  mutable absl::Mutex mu_;
  SessionHandoff handoff_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, SessionRef> told_ ABSL_GUARDED_BY(mu_);  // By session.
  bool nowhere_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace convergia::edge
