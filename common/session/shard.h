#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/session/buffer_pool.h"
#include "common/session/counters.h"
#include "common/session/timing_wheel.h"

namespace convergia::session {

class Connection;

// One I/O thread and the connections that live on it. A connection does everything on its shard's
// thread, so it needs no mutex. Other threads reach it only through Post().
//
// A turn of its loop: the shard reads sockets that are ready, and their dialects take the bytes.
// Each connection with something to write is marked dirty. Then all dirty connections write, each
// in one TLS record.
//
// A shard is also an executor, so an actor may live on it beside the connections. Stop such an
// actor while the shard runs: Actor::Stop() waits for the actor's last turn.
class Shard final : public Executor {
 public:
  // `tick` is the precision of time-outs, in real time. `clock` must outlive the shard.
  Shard(int index, const Clock& clock, absl::Duration tick);
  ~Shard() override;

  void Start();
  // Closes every connection at once, runs the posted tasks, drops those of PostAfter(), and waits
  // for the thread. Must not be called on that thread. Drops tasks that are posted later.
  // Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Runs `task` on this shard's thread, in order of Post(), after the caller's turn. Thread-safe;
  // all waiting tasks cost one wake-up. Callers bound what they post: the bound on answers is the
  // number of outstanding requests.
  void Post(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  // As precise as the system's timers; `tick` does not matter.
  void PostAfter(absl::Duration delay, Task task) override;

  int index() const { return index_; }
  // True on this shard's own thread.
  bool RunsHere() const;

  // Every connection, for broadcasts. Only on the shard's thread.
  std::vector<std::shared_ptr<Connection>> Connections() const;

  // Everything below is only for this room, on the shard's thread.

  // The time since a fixed moment, as of the last tick: a cheap clock for time-outs.
  absl::Duration now() const { return now_; }
  asio::io_context& io_context() { return io_context_; }
  ShardCounters& counters() { return counters_; }
  BufferPool& buffers() { return buffers_; }
  // Shared by all connections of the shard; its content is valid only within one handler.
  absl::Span<char> read_buffer() { return absl::MakeSpan(read_buffer_); }

  // True once Stop() has closed every connection: a new one would never be closed.
  bool is_closing() const { return closing_; }

  void Add(std::shared_ptr<Connection> connection);
  void Remove(Connection& connection);
  // Calls OnTurnEnd() of `connection` once at the end of this turn, even if it is marked often.
  void MarkDirty(Connection& connection);
  // Calls OnDeadline() of `connection` soon after now() reaches `deadline`, or earlier. Replaces
  // the previous deadline.
  void SetDeadline(Connection& connection, absl::Duration deadline);

 private:
  void RunLoop();
  void DrainMailbox() ABSL_LOCKS_EXCLUDED(mu_);
  void EndTurn();
  void ScheduleTick();
  void OnTick();
  void CloseAll();
  void AddTimer(absl::Duration due, Task task);
  void AwaitTimer();
  void RunTimers();

  const int index_;
  const Clock& clock_;
  const absl::Duration tick_;

  absl::Mutex mu_;
  std::vector<Task> mailbox_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // Only on the shard's thread, once it runs. Any thread may read the counters.
  asio::io_context io_context_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  asio::steady_timer tick_timer_;
  asio::steady_timer task_timer_;               // For the first timer of timers_.
  std::multimap<absl::Duration, Task> timers_;  // Keyed by Elapsed() of RealClock.
  bool closing_ = false;
  absl::Duration now_;
  TimingWheel wheel_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<std::shared_ptr<Connection>> turn_;  // For EndTurn(); a member to reuse its memory.
  std::vector<Task> running_;                      // For DrainMailbox(); likewise.
  BufferPool buffers_;
  std::vector<char> read_buffer_;
  ShardCounters counters_;

  std::thread thread_;
};

}  // namespace convergia::session
