#include "common/session/timing_wheel.h"

#include <algorithm>

namespace convergia::session {

TimingWheel::TimingWheel(absl::Duration tick, absl::Duration now)
    : tick_(tick), now_tick_(now / tick), slots_(kSlots) {
  for (Entry& slot : slots_) slot.previous = slot.next = &slot;
}

void TimingWheel::Link(Entry& list, Entry& entry) {
  entry.previous = list.previous;
  entry.next = &list;
  list.previous->next = &entry;
  list.previous = &entry;
}

void TimingWheel::Set(Entry& entry, absl::Duration deadline) {
  Drop(entry);
  // Rounded up, and limited to the wheel's end.
  const int64_t tick = 1 + std::clamp(TickOf(deadline), now_tick_, now_tick_ + kSlots - 2);
  Link(SlotAt(tick), entry);
}

void TimingWheel::Drop(Entry& entry) {
  if (entry.previous == nullptr) return;
  entry.previous->next = entry.next;
  entry.next->previous = entry.previous;
  entry.previous = entry.next = nullptr;
}

void TimingWheel::Advance(absl::Duration now, absl::FunctionRef<void(Entry&)> due) {
  const int64_t target = TickOf(now);
  if (target <= now_tick_) return;
  // Gathers first and calls then: an entry that is set again meanwhile belongs to a later round.
  Entry gathered;
  gathered.previous = gathered.next = &gathered;
  const int64_t first = std::max(now_tick_ + 1, target - kSlots + 1);
  for (int64_t tick = first; tick <= target; ++tick) {
    Entry& slot = SlotAt(tick);
    while (slot.next != &slot) {
      Entry& entry = *slot.next;
      Drop(entry);
      Link(gathered, entry);
    }
  }
  now_tick_ = target;
  while (gathered.next != &gathered) {
    Entry& entry = *gathered.next;
    Drop(entry);
    due(entry);
  }
}

}  // namespace convergia::session
