#include "edge/sessions/relocator.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace convergia::edge {

void Relocator::Start() {
  thread_ = std::thread([this] { TickLoop(); });
}

void Relocator::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Relocator::TickLoop() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stopped_), kTick)) return;
    }
    Tick(deps_.clock->Elapsed());
  }
}

void Relocator::Tick(absl::Duration now) {
  const auto is_at = [this](const std::string& user, NodeId edge) {
    const Places places = deps_.directory->Find(user);
    return std::find(places.begin(), places.end(), edge) != places.end();
  };
  std::vector<SessionRef> released;
  bool say_bye = false;
  {
    absl::MutexLock lock(&mu_);
    const SessionHandoff::Due due = handoff_.Tick(is_at, now);
    for (const uint64_t session : due.released) released.push_back(told_.at(session));
    say_bye = due.bye;
  }
  for (const SessionRef& ref : released) {
    deps_.messages->OnSession(ref, [](EdgeSession& session) { session.Release(); });
  }
  if (!say_bye) return;
  LOG(INFO) << "the time to leave is over; those who are still here are closed";
  deps_.messages->ForEachSession([](EdgeSession& session) { session.Drain(); });
}

void Relocator::OnOrder(const v1::Order& order) {
  for (const v1::Move& move : order.moves()) Tell(move);
  {
    absl::MutexLock lock(&mu_);
    nowhere_ = order.nowhere();
    if (order.drain()) {
      handoff_.Drain(absl::Milliseconds(order.drain_ms()), deps_.clock->Elapsed());
    } else if (order.undrain()) {
      handoff_.Undrain();
    }
  }
  if (!order.drain() && !order.undrain()) return;
  LOG(INFO) << (order.drain() ? "mgmt orders to drain: no new clients, and those here go elsewhere"
                              : "mgmt ends the drain: clients are welcome");
  deps_.on_drain_change();
}

void Relocator::OnAttached() {
  absl::MutexLock lock(&mu_);
  handoff_.OnAttached();
  nowhere_ = false;
}

void Relocator::Tell(const v1::Move& move) {
  const MoveOrder order = {move.server(), move.address(), move.pin()};
  for (const SessionRef& ref : deps_.hub->FindHere(move.username())) {
    {
      absl::MutexLock lock(&mu_);
      told_[ref.id] = ref;
      handoff_.Tell(ref.id, move.username(), move.node_id());
    }
    deps_.messages->OnSession(ref, [order](EdgeSession& session) { session.OnMoveOrder(order); });
  }
}

void Relocator::FillHeartbeat(v1::Heartbeat* heartbeat) const {
  absl::MutexLock lock(&mu_);
  heartbeat->set_draining(handoff_.draining());
  if (!handoff_.draining()) return;
  const absl::Duration left = handoff_.Left(deps_.clock->Elapsed());
  heartbeat->set_drain_left_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(left)));
}

void Relocator::DrainToStop(absl::Duration within) {
  {
    absl::MutexLock lock(&mu_);
    handoff_.DrainToStop(within, deps_.clock->Elapsed());
  }
  deps_.on_drain_change();
}

void Relocator::AwaitGone(absl::Duration within, const std::function<bool()>& stays) {
  if (deps_.hub->size() == 0) return;
  const absl::Duration end = deps_.clock->Elapsed() + within;
  while (deps_.hub->size() > 0 && stays() && deps_.clock->Elapsed() < end) {
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&nowhere_), kTick)) return;
  }
  if (deps_.hub->size() > 0) return;
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&stopped_), kSettle);
}

bool Relocator::draining() const {
  absl::MutexLock lock(&mu_);
  return handoff_.draining();
}

bool Relocator::HoldsQuit(uint64_t session) {
  absl::MutexLock lock(&mu_);
  return !stopped_ && handoff_.HoldsQuit(session, deps_.clock->Elapsed());
}

void Relocator::OnClosed(uint64_t session) {
  absl::MutexLock lock(&mu_);
  told_.erase(session);
  handoff_.OnClosed(session);
}

}  // namespace convergia::edge
