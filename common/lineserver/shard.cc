#include "common/lineserver/shard.h"

#include <glog/logging.h>
#include <pthread.h>

#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {
namespace {

// A TLS record holds no more, and OpenSSL gives one record a read.
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
      now_(clock.Elapsed()),
      wheel_(tick, now_),
      read_buffer_(kReadBufferBytes) {}

Shard::~Shard() { CHECK(!thread_.joinable()) << "a shard dies before Stop()"; }

void Shard::Start() {
  ScheduleTick();
  thread_ = std::thread([this] { RunLoop(); });
}

void Shard::RunLoop() {
  pthread_setname_np(pthread_self(), absl::StrCat("line", index_).c_str());
  current_shard = this;
  io_context_.run();
}

void Shard::Stop() {
  Post([this] { CloseAll(); });
  std::vector<absl::AnyInvocable<void()>> forgotten;  // Dies after the lock: its owners may Post().
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
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
  for (const std::shared_ptr<Session>& session : Sessions()) session->TearDown();
  tick_timer_.cancel();
  work_.reset();  // run() returns when the last cancelled wait has said so.
}

void Shard::Post(absl::AnyInvocable<void()> task) {
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
  for (absl::AnyInvocable<void()>& task : running_) task();
  running_.clear();
}

bool Shard::RunsHere() const { return current_shard == this; }

std::vector<std::shared_ptr<Session>> Shard::Sessions() const {
  std::vector<std::shared_ptr<Session>> sessions;
  sessions.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) sessions.push_back(session);
  return sessions;
}

void Shard::Add(std::shared_ptr<Session> session) {
  const uint64_t id = session->id();
  sessions_.emplace(id, std::move(session));
}

void Shard::Remove(Session& session) {
  wheel_.Drop(session);
  sessions_.erase(session.id());
}

void Shard::MarkDirty(Session& session) {
  if (session.is_dirty_) return;
  session.is_dirty_ = true;
  dirty_.push_back(session.shared_from_this());
  if (dirty_.size() == 1) asio::post(io_context_, [this] { EndTurn(); });
}

void Shard::EndTurn() {
  turn_.swap(dirty_);
  for (const std::shared_ptr<Session>& session : turn_) {
    session->is_dirty_ = false;  // From here on it may be marked for the next turn.
    session->OnTurnEnd();
  }
  turn_.clear();
}

void Shard::SetDeadline(Session& session, absl::Duration deadline) {
  wheel_.Set(session, deadline);
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
                 [](TimingWheel::Entry& entry) { static_cast<Session&>(entry).OnDeadline(); });
  ScheduleTick();
}

}  // namespace convergia::lineserver
