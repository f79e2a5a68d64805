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
#include "convergia/v1/cluster.pb.h"
#include "edge/directory/directory.h"
#include "edge/messages/message_shell.h"
#include "edge/sessions/session_handoff.h"

namespace convergia::edge {

// Sends clients to other main servers on mgmt's orders, without loss of messages. It carries out
// what SessionHandoff decides.
//
// It also knows whether this edge drains: either mgmt ordered it and has not ended it, or the
// program is about to stop. While the edge drains, no client may sign in. When the time of the
// drain is over, the remaining clients get BYE.
//
// Thread-safe.
class Relocator {
 public:
  static constexpr absl::Duration kTick = absl::Milliseconds(100);
  // How long other servers may take to learn that the last client has left.
  static constexpr absl::Duration kSettle = absl::Milliseconds(500);

  struct Deps {  // All must outlive the relocator.
    EdgeSessionHub* hub = nullptr;
    MessageShell* messages = nullptr;
    const Directory* directory = nullptr;
    const Clock* clock = nullptr;
    // Called from any thread when the next heartbeat has new content.
    std::function<void()> on_drain_change;
  };
  explicit Relocator(Deps deps) : deps_(std::move(deps)) {}
  ~Relocator() { Stop(); }

  // Starts the thread that ticks. Stop() ends it and waits for it; idempotent.
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- From mgmt.
  void OnOrder(const v1::Order& order) ABSL_LOCKS_EXCLUDED(mu_);
  // mgmt repeats an order to drain at once after this.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  // Sets the fields of a heartbeat that tell of the drain.
  void FillHeartbeat(v1::Heartbeat* heartbeat) const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The program is about to stop. Starts a drain of `within`.
  void DrainToStop(absl::Duration within) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits, for `within` at most, until all clients have left and other servers know it. Returns
  // early if mgmt says that there is no other edge, or if `stays()` is false.
  void AwaitGone(absl::Duration within, const std::function<bool()>& stays)
      ABSL_LOCKS_EXCLUDED(mu_);

  // True while clients are sent away, so that none may sign in.
  bool draining() const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Events of sessions, by their numbers, on each session's thread. HoldsQuit() means that the
  // session says goodbye; if it returns true, the session stays until EdgeSession::Release(), which
  // follows.
  bool HoldsQuit(uint64_t session) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(uint64_t session) ABSL_LOCKS_EXCLUDED(mu_);

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
