#pragma once

#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace convergia::edge {

// The heartbeat of one link: when to ping, how long the answers take, how many are missing, and
// whether the other end has been silent for too long. Anything heard counts as a sign of life.
//
// The round-trip time is what the way takes, not how long it was blocked: an answer that comes only
// after the next ping counts as none, one that took long is believed once the next one took as
// long, and a shorter time at once, for nothing arrives sooner than it can.
//
// A core. `now` is Clock::Elapsed().
class LinkHealth {
 public:
  explicit LinkHealth(absl::Duration now) : next_ping_(now), heard_(now) {}

  // The number to send now as `ping`; 0 if none is due. The first is due at once.
  uint64_t TakePing(absl::Duration now);
  bool IsPingDue(absl::Duration now) const { return now >= next_ping_; }

  void OnPong(uint64_t number, absl::Duration now);
  void OnHeard(absl::Duration now) { heard_ = now; }

  bool IsDead(absl::Duration now) const;

  // Smoothed; 0 until the first answer, then never 0.
  uint32_t rtt_us() const { return rtt_us_; }

  // Of the pings of the last minute that had time to be answered, how many were not: 0 to 1.
  double loss(absl::Duration now) const;

 private:
  struct Ping {
    uint64_t number = 0;
    absl::Duration sent;
    bool answered = false;
  };

  absl::Duration next_ping_;
  absl::Duration heard_;
  uint64_t last_number_ = 0;
  std::deque<Ping> pings_;  // Of the last minute.
  uint32_t rtt_us_ = 0;
  uint32_t last_us_ = 0;  // What the last answer took.
};

}  // namespace convergia::edge
