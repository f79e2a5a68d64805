#include "edge/relay/link_health.h"

#include <algorithm>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

constexpr size_t kPingsKept = 12;  // A minute.

}  // namespace

uint64_t LinkHealth::TakePing(absl::Duration now) {
  if (now < next_ping_) return 0;
  next_ping_ = now + limits::kLinkHeartbeat;
  pings_.push_back({.number = ++last_number_, .sent = now});
  if (pings_.size() > kPingsKept) pings_.pop_front();
  return last_number_;
}

void LinkHealth::OnPong(uint64_t number, absl::Duration now) {
  for (Ping& ping : pings_) {
    if (ping.number != number || ping.answered) continue;
    const absl::Duration took = now - ping.sent;
    if (took >= limits::kLinkHeartbeat) return;
    ping.answered = true;
    const auto sample =
        static_cast<uint32_t>(std::max<int64_t>(1, absl::ToInt64Microseconds(took)));
    const uint32_t sure = last_us_ == 0 ? sample : std::min(sample, last_us_);
    last_us_ = sample;
    const bool was_blocked = sure < rtt_us_ / 2;
    rtt_us_ = rtt_us_ == 0 || was_blocked ? sure : (uint64_t{3} * rtt_us_ + sure) / 4;
  }
}

bool LinkHealth::IsDead(absl::Duration now) const { return now - heard_ >= limits::kLinkDeadAfter; }

double LinkHealth::loss(absl::Duration now) const {
  int due = 0, missing = 0;
  for (const Ping& ping : pings_) {
    if (now - ping.sent < limits::kLinkHeartbeat && !ping.answered) continue;
    ++due;
    missing += !ping.answered;
  }
  return due == 0 ? 0 : static_cast<double>(missing) / due;
}

}  // namespace convergia::edge
