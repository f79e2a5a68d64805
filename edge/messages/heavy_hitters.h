#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace convergia::edge {

// To whom one session sends most, between two reports: at most kPeersMax of them, whatever their
// number. Whoever is new beyond that wears the lightest down, and takes its place once that is used
// up, so the heavy ones stay. Counting costs a few nanoseconds while one writes to the same few
// people. Not thread-safe.
class HeavyHitters {
 public:
  static constexpr size_t kPeersMax = 8;

  struct Peer {
    std::string name;
    uint64_t bytes = 0;
  };

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

  // All, and begins anew; then it holds no memory.
  std::vector<Peer> Take() { return std::exchange(peers_, {}); }

 private:
  std::vector<Peer> peers_;
  size_t last_ = 0;  // The one counted last.
};

}  // namespace convergia::edge
