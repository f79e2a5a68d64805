#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace convergia::session {

// Deadlines of very many entries, most of which are moved before they come. Setting, moving and
// dropping one changes a few pointers and allocates nothing. Not thread-safe.
//
// The hashed timing wheel of Varghese and Lauck, with one level. A deadline beyond the wheel's end
// is due early, at that end. So the callee checks the time and sets the deadline again.
class TimingWheel {
 public:
  // A class with deadlines derives from this. An entry must not be moved, and must be dropped
  // before it is destroyed.
  struct Entry {
    Entry* previous = nullptr;  // Null: has no deadline.
    Entry* next = nullptr;
  };

  TimingWheel(absl::Duration tick, absl::Duration now);

  // The entry is due within one tick after `deadline`, or at the wheel's end if that is earlier.
  void Set(Entry& entry, absl::Duration deadline);
  // Forgets the deadline of `entry`, if it has one.
  void Drop(Entry& entry);

  // Calls `due` for each entry that is due by `now`, after dropping it. `due` may set or drop any
  // entry.
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
