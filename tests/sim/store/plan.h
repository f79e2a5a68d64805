#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace convergia::sim {

// The kind of world that a seed makes: replicas of one store over one log, and their troubles.
struct StorePlan {
  uint64_t seed = 0;
  int replicas = 3;
  absl::Duration troubled = absl::Seconds(12);  // Then nothing fails any longer,
  absl::Duration quiet = absl::Seconds(12);     // and after so long all must be well.
  absl::Duration operation_every = absl::Milliseconds(30);

  // Of messages between a replica and the log, in percent.
  int lost = 0, doubled = 0, late = 0;
  absl::Duration trouble_every = absl::Seconds(1);  // A kill, a pause, a cut, an order to resign.
  // At each step of a process that matters, a crash once in so many; 0: never.
  uint64_t crash_one_in = 0;
  int crash_at = -1;  // At this step, and at no other; -1: no such crash.

  size_t history_lines_max = 200;

  static StorePlan Draw(uint64_t seed);
  // Calm but for a crash at step `step`.
  static StorePlan DrawCrashAt(uint64_t seed, int step);
};

}  // namespace convergia::sim
