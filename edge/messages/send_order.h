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

// Keeps the messages of one session to each recipient in order while that recipient moves.
//
// Messages to the same places stay in order by themselves. If a recipient moves from edge 2 to edge
// 3, the next message could overtake one that still waits for edge 2. So while messages to a
// recipient are under way, a further one leaves only if it goes to the same places. Otherwise it is
// held until those are answered (ten seconds at most), and all later ones with it.
//
// `Held` stands for a waiting message. One SendOrder for each session. A core, not thread-safe.
template <typename Held>
class SendOrder {
 public:
  bool empty() const { return recipients_.empty(); }

  // True if a message to `to`, who is now at `places`, may leave. `places` names this edge by its
  // id.
  bool MayLeave(absl::string_view to, const Places& places) const {
    const auto found = recipients_.find(to);
    return found == recipients_.end() ||
           (found->second.held.empty() && MayJoin(found->second, places));
  }

  // The message left; OnAnswered() follows.
  void OnLeft(absl::string_view to, const Places& places) {
    Recipient& recipient = recipients_[to];
    recipient.places = places;
    ++recipient.under_way;
  }

  // Holds `message`, which counts `bytes`. Returns it if limits::kHeldBytesMax would be exceeded.
  [[nodiscard]] std::optional<Held> Hold(absl::string_view to, Held message, size_t bytes) {
    if (held_bytes_ + bytes > limits::kHeldBytesMax) return message;
    held_bytes_ += bytes;
    recipients_[to].held.push_back({std::move(message), bytes});
    return std::nullopt;
  }

  // A message of OnLeft() is answered: no part of it is under way.
  void OnAnswered(absl::string_view to) {
    const auto found = recipients_.find(to);
    --found->second.under_way;
    Forget(found);
  }

  // Takes the first held message to `to` if it may leave for `places`, the recipient's present
  // places. Call this after OnAnswered() until it returns false.
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
  // Removes and returns every held message, in order for each recipient, because the session
  // closed.
  std::vector<Held> TakeAllHeld() {
    std::vector<Held> all;
    for (auto& [to, recipient] : recipients_) {
      for (Entry& entry : recipient.held) all.push_back(std::move(entry.message));
      recipient.held.clear();
    }
    held_bytes_ = 0;
    return all;
  }

  // True if a message to `to` is held.
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
    Places places;  // Of the messages under way.
    int under_way = 0;
    std::list<Entry> held;  // Usually empty; an empty list has no memory.
  };
  using Recipients = absl::flat_hash_map<std::string, Recipient>;

  static bool MayJoin(const Recipient& recipient, const Places& places) {
    return recipient.under_way == 0 || recipient.places == places;
  }

  void Forget(typename Recipients::iterator entry) {
    if (entry->second.under_way == 0 && entry->second.held.empty()) recipients_.erase(entry);
  }

  Recipients recipients_;
  size_t held_bytes_ = 0;  // For all recipients together.
};

}  // namespace convergia::edge
