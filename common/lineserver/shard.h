#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/session/buffer_pool.h"
#include "common/session/counters.h"
#include "common/session/timing_wheel.h"

namespace convergia::lineserver {

class Session;
using session::BufferPool;
using session::Counter;
using session::CounterValues;
using session::ShardCounters;
using session::TimingWheel;

// One I/O thread and the sessions that live on it. Everything a session does happens on its shard's
// thread, so it has no mutex; Post() is the one door for others.
//
// A turn of its loop: sockets that are ready are read and their packets handled; whoever has
// something to write is marked dirty; then all dirty sessions write, one TLS record each for all
// that gathered.
class Shard {
 public:
  // `tick` is how exact time-outs are, in real time. `clock` must outlive the shard.
  Shard(int index, const Clock& clock, absl::Duration tick);
  ~Shard();

  void Start();
  // Closes every session at once, runs what was posted, and waits for the thread. Not to be called
  // on it. What is posted later is forgotten. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Runs `task` on this shard's thread, in order of Post(), after the caller's turn. Thread-safe;
  // all that waits costs one wake-up. Callers bound what they post: for answers, that is the number
  // of requests outstanding.
  void Post(absl::AnyInvocable<void()> task) ABSL_LOCKS_EXCLUDED(mu_);

  int index() const { return index_; }
  // True on this shard's own thread.
  bool RunsHere() const;

  // Every session: for broadcasts. Only on the shard's thread.
  std::vector<std::shared_ptr<Session>> Sessions() const;

  // All below is for this room, and only on the shard's thread.

  // Time since some fixed moment, as of the last tick: for time-outs, at no cost.
  absl::Duration now() const { return now_; }
  asio::io_context& io_context() { return io_context_; }
  ShardCounters& counters() { return counters_; }
  BufferPool& buffers() { return buffers_; }
  // Shared by all sessions of the shard; holds nothing between two handlers.
  absl::Span<char> read_buffer() { return absl::MakeSpan(read_buffer_); }

  // True once Stop() has closed every session: a new one would never end.
  bool is_closing() const { return closing_; }

  void Add(std::shared_ptr<Session> session);
  void Remove(Session& session);
  // `session` gets OnTurnEnd() at the end of this turn, however often it is marked.
  void MarkDirty(Session& session);
  // `session` gets OnDeadline() soon after now() has reached `deadline`, or earlier; replaces the
  // one before.
  void SetDeadline(Session& session, absl::Duration deadline);

 private:
  void RunLoop();
  void DrainMailbox() ABSL_LOCKS_EXCLUDED(mu_);
  void EndTurn();
  void ScheduleTick();
  void OnTick();
  void CloseAll();

  const int index_;
  const Clock& clock_;
  const absl::Duration tick_;

  absl::Mutex mu_;
  std::vector<absl::AnyInvocable<void()>> mailbox_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // Only the shard's thread, once it runs. (The counters may be read by all.)
  asio::io_context io_context_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  asio::steady_timer tick_timer_;
  bool closing_ = false;
  absl::Duration now_;
  TimingWheel wheel_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> dirty_;
  std::vector<std::shared_ptr<Session>> turn_;       // Of EndTurn(), kept for its memory.
  std::vector<absl::AnyInvocable<void()>> running_;  // Of DrainMailbox(), the same.
  BufferPool buffers_;
  std::vector<char> read_buffer_;
  ShardCounters counters_;

  std::thread thread_;
};

}  // namespace convergia::lineserver
