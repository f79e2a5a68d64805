#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "edge/directory/directory.h"

namespace convergia::edge {

// Keeps the messages of one session to each recipient in order while the recipient moves.
//
// Messages on the same ways stay in order by themselves. But when a recipient was on edge 2 and is
// now on edge 3, the next message could overtake one that still waits for edge 2, and be read first
// by the same person. So a message may leave while others to the same recipient are under way only
// if it goes to the same places; otherwise it is held until those are answered (which takes ten
// seconds at most), as are all behind it.
//
// `Held` is a message that waits. One per session; a core, not thread-safe.
template <typename Held>
class SendOrder {
 public:
  bool empty() const { return recipients_.empty(); }

  // May a message to `to`, which is now at `places` (this edge by its own id), leave?
  bool MayLeave(absl::string_view to, const Places& places) const {
    const auto found = recipients_.find(to);
    return found == recipients_.end() ||
           (found->second.held.empty() && MayJoin(found->second, places));
  }

  // It left, and OnAnswered() follows.
  void OnLeft(absl::string_view to, const Places& places) {
    Recipient& recipient = recipients_[to];
    recipient.places = places;
    ++recipient.under_way;
  }

  // Holds `message`, of so many bytes; or gives it back, if too many wait already.
  [[nodiscard]] std::optional<Held> Hold(absl::string_view to, Held message, size_t bytes) {
    if (held_bytes_ + bytes > limits::kHeldBytesMax) return message;
    held_bytes_ += bytes;
    recipients_[to].held.push_back({std::move(message), bytes});
    return std::nullopt;
  }

  void OnAnswered(absl::string_view to) {
    const auto found = recipients_.find(to);
    --found->second.under_way;
    Forget(found);
  }

  // Takes the first held message to `to` if it may leave for `places`, where they are now. To be
  // called after OnAnswered() until it gives none.
  bool TakeHeld(absl::string_view to, const Places& places, Held* message) {
    const auto found = recipients_.find(to);
    if (found == recipients_.end() || found->second.held.empty()) return false;
    if (!MayJoin(found->second, places)) return false;
    *message = std::move(found->second.held.front().message);
    held_bytes_ -= found->second.held.front().bytes;
    found->second.held.pop_front();
    Forget(found);
    return true;
  }
  // Takes every held message out, in order for each recipient: the session has gone.
  std::vector<Held> TakeAllHeld() {
    std::vector<Held> all;
    for (auto& [to, recipient] : recipients_) {
      for (Entry& entry : recipient.held) all.push_back(std::move(entry.message));
      recipient.held.clear();
    }
    held_bytes_ = 0;
    return all;
  }

  bool HasHeld(absl::string_view to) const {
    const auto found = recipients_.find(to);
    return found != recipients_.end() && !found->second.held.empty();
  }

 private:
  struct Entry {
    Held message;
    size_t bytes = 0;
  };
  struct Recipient {
    Places places;  // Of those under way.
    int under_way = 0;
    std::list<Entry> held;  // Mostly empty, and then without memory.
  };
  using Recipients = absl::flat_hash_map<std::string, Recipient>;

  static bool MayJoin(const Recipient& recipient, const Places& places) {
    return recipient.under_way == 0 || recipient.places == places;
  }

  void Forget(typename Recipients::iterator entry) {
    if (entry->second.under_way == 0 && entry->second.held.empty()) recipients_.erase(entry);
  }

  Recipients recipients_;
  size_t held_bytes_ = 0;  // Of all recipients.
};

}  // namespace convergia::edge
