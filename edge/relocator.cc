#include "edge/relocator.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

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
    Tick(rooms_.clock->Elapsed());
  }
}

bool Relocator::MayGo(const Told& told, absl::Duration now) {
  return (told.there_since && now - *told.there_since >= kGrace) ||
         (told.held_since && now - *told.held_since >= kHoldMax);
}

void Relocator::Tick(absl::Duration now) {
  std::vector<SessionRef> released;
  bool say_bye = false;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [id, told] : told_) {
      if (!told.there_since) {
        const Places places = rooms_.directory->Find(told.user);
        if (std::find(places.begin(), places.end(), told.to) != places.end()) {
          told.there_since = now;
        }
      }
      if (told.held_since && MayGo(told, now)) released.push_back(told.ref);
    }
    say_bye = ordered_until_ && now >= *ordered_until_ && !std::exchange(said_bye_, true);
  }
  for (const SessionRef& ref : released) {
    rooms_.router->OnSession(ref, [](lineserver::Session& session) { session.Release(); });
  }
  if (!say_bye) return;
  LOG(INFO) << "the time to leave is over; those who are still here are closed";
  rooms_.router->ForEachSession([](lineserver::Session& session) { session.Drain(); });
}

void Relocator::OnOrder(const v1::Order& order) {
  for (const v1::Move& move : order.moves()) Tell(move);
  {
    absl::MutexLock lock(&mu_);
    nowhere_ = order.nowhere();
    if (order.drain()) {
      ordered_until_ = rooms_.clock->Elapsed() + absl::Milliseconds(order.drain_ms());
      said_bye_ = false;
    } else if (order.undrain()) {
      ordered_until_.reset();
    }
  }
  if (!order.drain() && !order.undrain()) return;
  LOG(INFO) << (order.drain() ? "mgmt orders to drain: no new clients, and those here go elsewhere"
                              : "mgmt ends the drain: clients are welcome");
  on_drain_change_();
}

void Relocator::OnAttached() {
  absl::MutexLock lock(&mu_);
  ordered_until_.reset();
  nowhere_ = false;
}

void Relocator::Tell(const v1::Move& move) {
  const std::string data = absl::StrCat(move.server(), "\n", move.address(), "\n", move.pin());
  for (const SessionRef& ref : rooms_.hub->FindHere(move.username())) {
    {
      absl::MutexLock lock(&mu_);
      told_[ref.id] = {.ref = ref, .user = move.username(), .to = move.node_id()};
    }
    rooms_.router->OnSession(
        ref, [data](lineserver::Session& session) { session.Push("USEMAINSERVER", data); });
  }
}

void Relocator::FillHeartbeat(v1::Heartbeat* heartbeat) const {
  absl::MutexLock lock(&mu_);
  heartbeat->set_draining(draining());
  if (!draining()) return;
  const absl::Duration until = std::min(ordered_until_.value_or(absl::InfiniteDuration()),
                                        stops_at_.value_or(absl::InfiniteDuration()));
  const absl::Duration left = std::max(until - rooms_.clock->Elapsed(), absl::ZeroDuration());
  heartbeat->set_drain_left_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(left)));
}

void Relocator::DrainToStop(absl::Duration within) {
  {
    absl::MutexLock lock(&mu_);
    stops_at_ = rooms_.clock->Elapsed() + within;
  }
  on_drain_change_();
}

void Relocator::AwaitGone(absl::Duration within, const std::function<bool()>& stays) {
  if (rooms_.hub->size() == 0) return;
  const absl::Duration end = rooms_.clock->Elapsed() + within;
  while (rooms_.hub->size() > 0 && stays() && rooms_.clock->Elapsed() < end) {
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&nowhere_), kTick)) return;
  }
  if (rooms_.hub->size() > 0) return;
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&stopped_), kSettle);
}

absl::Status Relocator::Admit() const {
  absl::MutexLock lock(&mu_);
  if (!draining()) return absl::OkStatus();
  return Fail(FailCode::kUnavailable,
              "this main server takes no clients now; ask the management server for another "
              "(LISTMAINSERVERS, REPORTMAINSERVERS) and connect there");
}

bool Relocator::HoldsQuit(const lineserver::Session& session) {
  absl::MutexLock lock(&mu_);
  const auto found = told_.find(session.id());
  if (found == told_.end() || stopped_) return false;
  const absl::Duration now = rooms_.clock->Elapsed();
  if (!found->second.held_since) found->second.held_since = now;
  return !MayGo(found->second, now);
}

void Relocator::OnClosed(const lineserver::Session& session) {
  absl::MutexLock lock(&mu_);
  told_.erase(session.id());
}

}  // namespace convergia::edge
