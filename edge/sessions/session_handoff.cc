#include "edge/sessions/session_handoff.h"

#include <algorithm>
#include <utility>

namespace convergia::edge {

void SessionHandoff::Tell(uint64_t session, absl::string_view user, NodeId to) {
  Told& told = told_[session];
  if (told.to != to) told.there_since.reset();
  told.user = std::string(user);
  told.to = to;
}

bool SessionHandoff::MayGo(const Told& told, absl::Duration now) {
  return (told.there_since && now - *told.there_since >= kGrace) ||
         (told.held_since && now - *told.held_since >= kHoldMax);
}

bool SessionHandoff::HoldsQuit(uint64_t session, absl::Duration now) {
  const auto found = told_.find(session);
  if (found == told_.end()) return false;
  if (!found->second.held_since) found->second.held_since = now;
  return !MayGo(found->second, now);
}

void SessionHandoff::Drain(absl::Duration within, absl::Duration now) {
  // A repeated order keeps the earlier end; so does one that mgmt repeats after an attach.
  const absl::Duration before =
      ordered_until_ ? *ordered_until_ : ordered_before_.value_or(absl::InfiniteDuration());
  if (!ordered_until_) said_bye_ = false;
  ordered_until_ = std::min(before, now + within);
  ordered_before_.reset();
}

void SessionHandoff::Undrain() {
  ordered_until_.reset();
  ordered_before_.reset();
}

void SessionHandoff::OnAttached() {
  if (ordered_until_) ordered_before_ = std::exchange(ordered_until_, std::nullopt);
}

absl::Duration SessionHandoff::Left(absl::Duration now) const {
  const absl::Duration until = std::min(ordered_until_.value_or(absl::InfiniteDuration()),
                                        stops_at_.value_or(absl::InfiniteDuration()));
  return std::max(until - now, absl::ZeroDuration());
}

SessionHandoff::Due SessionHandoff::Tick(
    absl::FunctionRef<bool(const std::string& user, NodeId edge)> is_at, absl::Duration now) {
  Due due;
  for (auto& [session, told] : told_) {
    // If the user leaves that edge, the grace period starts again later.
    if (!is_at(told.user, told.to)) {
      told.there_since.reset();
    } else if (!told.there_since) {
      told.there_since = now;
    }
    if (told.held_since && MayGo(told, now)) due.released.push_back(session);
  }
  std::sort(due.released.begin(), due.released.end());
  due.bye = ordered_until_ && now >= *ordered_until_ && !std::exchange(said_bye_, true);
  return due;
}

}  // namespace convergia::edge
