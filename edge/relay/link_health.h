#pragma once

#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace convergia::edge {

// The heartbeat of one link: when to ping, the round-trip time, the loss, and whether the other end
// has been silent for too long. Anything received counts as a sign of life.
//
// The round-trip time is the time of the path, not the time for which it was blocked. An answer
// that comes after the next ping does not count. A longer time is believed once the next answer
// took as long; a shorter time is believed at once, because nothing arrives too early.
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

  // The share of unanswered pings, of those of the last minute that had time for an answer: 0 to 1.
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
  uint32_t last_us_ = 0;  // The round-trip time of the last answer.
};

}  // namespace convergia::edge
