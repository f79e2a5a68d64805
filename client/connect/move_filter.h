#pragma once

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace convergia::client {

// Keeps a client that moves from one main server to another from seeing a message twice: for a
// moment it is signed in on both, and what is sent then comes over both.
//
// A core. Remembers digests, and not more than `messages_max` of them: past that a message may be
// seen twice, never lost. Not thread-safe.
class MoveFilter {
 public:
  explicit MoveFilter(size_t messages_max) : messages_max_(messages_max) {}

  // The old connection brought `data` (sender, time and body) since the move began.
  void SawOnOld(absl::string_view data);

  // Whether `data`, which the new connection brought, came over the old one too. Each message of
  // the old one excuses one of the new.
  bool IsRepeat(absl::string_view data);

  // The move is long past.
  void Clear() { seen_.clear(); }

 private:
  const size_t messages_max_;
  absl::flat_hash_map<size_t, int> seen_;  // By hash of the data.
};

}  // namespace convergia::client
