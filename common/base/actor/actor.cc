#include "common/base/actor/actor.h"

#include <utility>

namespace convergia {

Actor::Actor(const Deps& deps, Options options)
    : deps_(deps),
      events_max_(options.events_max),
      drops_events_at_stop_(options.drops_events_at_stop),
      handle_(std::make_shared<Handle>(Handle{this})),
      turn_(std::move(options.turn)) {}

void Actor::Start() {
  absl::MutexLock lock(&mu_);
  started_ = true;
  Schedule();
}

void Actor::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  if (!started_) {
    stopped_ = true;
    return;
  }
  Schedule();
  mu_.Await(absl::Condition(&stopped_));
}

bool Actor::Post(Event&& event) {
  absl::MutexLock lock(&mu_);
  if (stopping_ || events_.size() >= events_max_) return false;
  events_.push_back(std::move(event));
  Schedule();
  return true;
}

bool Actor::PostUrgent(Event&& event) {
  absl::MutexLock lock(&mu_);
  if (stopping_) return false;
  events_.push_back(std::move(event));
  Schedule();
  return true;
}

void Actor::Wake() {
  absl::MutexLock lock(&mu_);
  if (!stopping_) Schedule();
}

// One task of the executor for all that gathers until it runs.
void Actor::Schedule() {
  if (!started_ || scheduled_ || stopped_) return;
  scheduled_ = true;
  deps_.executor->Post([handle = handle_] {
    if (handle->actor != nullptr) handle->actor->RunTurn();
  });
}

void Actor::RunTurn() {
  bool is_last = false;
  {
    absl::MutexLock lock(&mu_);
    scheduled_ = false;
    running_.swap(events_);
    is_last = stopping_;
  }
  if (!(is_last && drops_events_at_stop_)) {
    for (Event& event : running_) std::move(event)();
  }
  running_.clear();
  const absl::Duration now = deps_.clock->Elapsed();
  const absl::Duration wait = turn_(now, is_last);
  if (is_last) {
    handle_->actor = nullptr;
    absl::MutexLock lock(&mu_);
    stopped_ = true;  // Stop() may return, and the actor be gone, once the lock is released.
    return;
  }
  next_turn_ = now + wait;
  if (next_turn_ < timer_due_) ArmTimer(next_turn_);
}

// Turns move next_turn_ far more often than timers fire. So a timer that fires too early is armed
// again, and there is no timer to cancel.
void Actor::OnTimer() {
  timer_due_ = absl::InfiniteDuration();
  if (deps_.clock->Elapsed() < next_turn_) {
    ArmTimer(next_turn_);
    return;
  }
  RunTurn();
}

void Actor::ArmTimer(absl::Duration due) {
  if (due == absl::InfiniteDuration()) return;
  timer_due_ = due;
  deps_.executor->PostAfter(due - deps_.clock->Elapsed(), [handle = handle_, due] {
    if (handle->actor != nullptr && handle->actor->timer_due_ == due) handle->actor->OnTimer();
  });
}

}  // namespace convergia
