#pragma once

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace convergia::client {

// Drops repeated messages while a client moves from one main server to another. For a moment the
// client is signed in at both, and a message sent then arrives over both.
//
// A core. It remembers at most `messages_max` digests. Beyond that a message may be shown twice,
// but none is lost. Not thread-safe.
class MoveFilter {
 public:
  explicit MoveFilter(size_t messages_max) : messages_max_(messages_max) {}

  // To be called when a message arrives over the old connection. `data` is its sender, time and
  // body.
  void SawOnOld(absl::string_view data);

  // Whether `data`, which arrived over the new connection, is a repeat. Each message of the old
  // connection makes one equal message of the new one a repeat.
  bool IsRepeat(absl::string_view data);

  // To be called when the move is over: forgets everything.
  void Clear() { seen_.clear(); }

 private:
  const size_t messages_max_;
  absl::flat_hash_map<size_t, int> seen_;  // By hash of the data.
};

}  // namespace convergia::client
