#include "common/session/shard.h"

#include <glog/logging.h>
#include <pthread.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/session/connection.h"

namespace convergia::session {
namespace {

// The size of a TLS record; OpenSSL returns one record in each read.
constexpr size_t kReadBufferBytes = 16 * 1024;

thread_local const Shard* current_shard = nullptr;

}  // namespace

Shard::Shard(int index, const Clock& clock, absl::Duration tick)
    : index_(index),
      clock_(clock),
      tick_(tick),
      io_context_(/*concurrency_hint=*/1),
      work_(io_context_.get_executor()),
      tick_timer_(io_context_),
      task_timer_(io_context_),
      now_(clock.Elapsed()),
      wheel_(tick, now_),
      read_buffer_(kReadBufferBytes) {}

Shard::~Shard() { CHECK(!thread_.joinable()) << "a shard dies before Stop()"; }

void Shard::Start() {
  ScheduleTick();
  thread_ = std::thread([this] { RunLoop(); });
}

void Shard::RunLoop() {
  pthread_setname_np(pthread_self(), absl::StrCat("shard", index_).c_str());
  current_shard = this;
  io_context_.run();
}

void Shard::Stop() {
  Post([this] { CloseAll(); });
  std::vector<Task> forgotten;  // Destroyed after the lock is released, since destructors of tasks
                                // may Post().
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    // If the loop has never run, it will not run these tasks.
    if (!thread_.joinable()) forgotten.swap(mailbox_);
  }
  if (thread_.joinable()) {
    thread_.join();
  } else if (work_) {
    work_.reset();
  }
}

void Shard::CloseAll() {
  closing_ = true;
  for (const std::shared_ptr<Connection>& connection : Connections()) connection->TearDown();
  tick_timer_.cancel();
  task_timer_.cancel();
  std::multimap<absl::Duration, Task>().swap(timers_);
  work_.reset();  // run() returns once the last cancelled wait has ended.
}

void Shard::Post(Task task) {
  bool is_first = false;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    is_first = mailbox_.empty();
    mailbox_.push_back(std::move(task));
  }
  if (is_first) asio::post(io_context_, [this] { DrainMailbox(); });
}

void Shard::DrainMailbox() {
  {
    absl::MutexLock lock(&mu_);
    running_.swap(mailbox_);
  }
  for (Task& task : running_) task();
  running_.clear();
}

void Shard::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = RealClock::Get().Elapsed() + std::max(delay, absl::ZeroDuration());
  if (RunsHere()) return AddTimer(due, std::move(task));
  Post([this, due, task = std::move(task)]() mutable { AddTimer(due, std::move(task)); });
}

void Shard::AddTimer(absl::Duration due, Task task) {
  if (closing_) return;
  const auto added = timers_.emplace(due, std::move(task));
  if (added == timers_.begin()) AwaitTimer();
}

// Starts a wait for the first timer; this cancels a wait for a later one.
void Shard::AwaitTimer() {
  const absl::Duration delay = timers_.begin()->first - RealClock::Get().Elapsed();
  task_timer_.expires_after(absl::ToChronoNanoseconds(delay));
  task_timer_.async_wait([this](asio::error_code error) {
    if (!error && !closing_) RunTimers();
  });
}

void Shard::RunTimers() {
  const auto due_end = timers_.upper_bound(RealClock::Get().Elapsed());
  std::vector<Task> due;  // Taken out first, because tasks add timers.
  for (auto timer = timers_.begin(); timer != due_end; ++timer) {
    due.push_back(std::move(timer->second));
  }
  timers_.erase(timers_.begin(), due_end);
  for (Task& task : due) std::move(task)();
  if (!timers_.empty()) AwaitTimer();
}

bool Shard::RunsHere() const { return current_shard == this; }

std::vector<std::shared_ptr<Connection>> Shard::Connections() const {
  std::vector<std::shared_ptr<Connection>> connections;
  connections.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) connections.push_back(connection);
  return connections;
}

void Shard::Add(std::shared_ptr<Connection> connection) {
  const uint64_t id = connection->id();
  connections_.emplace(id, std::move(connection));
}

void Shard::Remove(Connection& connection) {
  wheel_.Drop(connection);
  connections_.erase(connection.id());
}

void Shard::MarkDirty(Connection& connection) {
  if (connection.is_dirty_) return;
  connection.is_dirty_ = true;
  dirty_.push_back(connection.shared_from_this());
  if (dirty_.size() == 1) asio::post(io_context_, [this] { EndTurn(); });
}

void Shard::EndTurn() {
  turn_.swap(dirty_);
  for (const std::shared_ptr<Connection>& connection : turn_) {
    connection->is_dirty_ = false;  // From now on, MarkDirty() puts it into the next turn.
    connection->OnTurnEnd();
  }
  turn_.clear();
}

void Shard::SetDeadline(Connection& connection, absl::Duration deadline) {
  wheel_.Set(connection, deadline);
}

void Shard::ScheduleTick() {
  tick_timer_.expires_after(absl::ToChronoNanoseconds(tick_));
  tick_timer_.async_wait([this](asio::error_code) {
    if (!closing_) OnTick();
  });
}

void Shard::OnTick() {
  now_ = clock_.Elapsed();
  wheel_.Advance(now_,
                 [](TimingWheel::Entry& entry) { static_cast<Connection&>(entry).OnDeadline(); });
  ScheduleTick();
}

}  // namespace convergia::session
