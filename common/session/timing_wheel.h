#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace convergia::session {

// Deadlines of very many things that are nearly always moved before they are reached. Setting,
// moving and dropping one takes a few pointers and no memory. Not thread-safe.
//
// A deadline further away than the wheel is long is due early, at its end. So the callee checks the
// time, and sets the deadline again.
class TimingWheel {
 public:
  // What has deadlines derives from this. It may not be moved, and is dropped before it dies.
  struct Entry {
    Entry* previous = nullptr;  // Null: has no deadline.
    Entry* next = nullptr;
  };

  TimingWheel(absl::Duration tick, absl::Duration now);

  // Never due before `deadline` by more than a tick, unless it lies beyond the wheel's end.
  void Set(Entry& entry, absl::Duration deadline);
  void Drop(Entry& entry);

  // Calls `due` for each entry whose deadline has come by `now`, after dropping it. `due` may set
  // or drop any entry.
  void Advance(absl::Duration now, absl::FunctionRef<void(Entry&)> due);

 private:
  static constexpr int64_t kSlots = 1024;

  Entry& SlotAt(int64_t tick) { return slots_[static_cast<size_t>(tick % kSlots)]; }
  int64_t TickOf(absl::Duration time) const { return time / tick_; }
  static void Link(Entry& list, Entry& entry);

  const absl::Duration tick_;
  int64_t now_tick_;
  std::vector<Entry> slots_;  // Heads of circular lists.
};

}  // namespace convergia::session
