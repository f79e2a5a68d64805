#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/random.h"

namespace convergia::sim {

// The time of a simulated world: a queue of events in order of their times. Events of the same time
// run in the order of After(). Time jumps from one event to the next.
class EventQueue {
 public:
  using Task = absl::AnyInvocable<void()>;

  absl::Duration now() const { return now_; }

  void After(absl::Duration wait, Task task) {
    heap_.push_back({now_ + std::max(wait, absl::ZeroDuration()), ++last_number_, std::move(task)});
    std::push_heap(heap_.begin(), heap_.end(), IsLater);
  }

  // Runs all events until `until` and sets the time to it. Ends early if `stop()` is true.
  template <typename Stop>
  void RunUntil(absl::Duration until, const Stop& stop) {
    while (!heap_.empty() && heap_.front().due <= until && !stop()) {
      std::pop_heap(heap_.begin(), heap_.end(), IsLater);
      Entry next = std::move(heap_.back());
      heap_.pop_back();
      now_ = next.due;
      next.task();
    }
    if (!stop()) now_ = std::max(now_, until);
  }

 private:
  struct Entry {
    absl::Duration due;
    uint64_t number = 0;
    Task task;
  };
  static bool IsLater(const Entry& a, const Entry& b) {
    return std::pair(a.due, a.number) > std::pair(b.due, b.number);
  }

  absl::Duration now_ = absl::Seconds(1);
  uint64_t last_number_ = 0;
  std::vector<Entry> heap_;
};

// The random choices of a world, all from one seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : rng_(seed) {}

  uint64_t Below(uint64_t end) { return end <= 1 ? 0 : rng_() % end; }
  int Between(int low, int high) { return low + static_cast<int>(Below(high - low + 1)); }
  absl::Duration Between(absl::Duration low, absl::Duration high) {
    return low + absl::Microseconds(Below(absl::ToInt64Microseconds(high - low) + 1));
  }
  bool OneIn(uint64_t count) { return Below(count) == 0; }
  template <typename T>
  T& Any(std::vector<T>& items) {
    return items[Below(items.size())];
  }

 private:
  Rng rng_;
};

}  // namespace convergia::sim
