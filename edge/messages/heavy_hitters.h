#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace convergia::edge {

// The peers to which one session sent most bytes since the last Take(), at most kPeersMax. This is
// the Misra-Gries summary: when full, a new peer decrements the smallest counter and replaces it at
// zero. So heavy peers stay, and counts are lower bounds. Counting costs a few nanoseconds while
// the session writes to the same few peers. Not thread-safe.
class HeavyHitters {
 public:
  static constexpr size_t kPeersMax = 8;

  struct Peer {
    std::string name;
    uint64_t bytes = 0;
  };

  // Counts `bytes` that the session sent to the user `name`.
  void Count(absl::string_view name, uint64_t bytes) {
    if (last_ < peers_.size() && peers_[last_].name == name) {
      peers_[last_].bytes += bytes;
      return;
    }
    for (last_ = 0; last_ < peers_.size(); ++last_) {
      if (peers_[last_].name != name) continue;
      peers_[last_].bytes += bytes;
      return;
    }
    if (peers_.size() < kPeersMax) {
      peers_.push_back({std::string(name), bytes});
      return;
    }
    const auto lightest =
        std::min_element(peers_.begin(), peers_.end(),
                         [](const Peer& a, const Peer& b) { return a.bytes < b.bytes; });
    if (lightest->bytes >= bytes) {
      lightest->bytes -= bytes;
    } else {
      *lightest = {std::string(name), bytes - lightest->bytes};
    }
  }

  bool empty() const { return peers_.empty(); }

  // Returns all peers and starts again from nothing. Frees the memory.
  std::vector<Peer> Take() { return std::exchange(peers_, {}); }

 private:
  std::vector<Peer> peers_;
  size_t last_ = 0;  // The index of the peer counted last: often the next one too.
};

}  // namespace convergia::edge
