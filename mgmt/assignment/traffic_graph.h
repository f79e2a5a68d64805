#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace convergia::mgmt {

// Who exchanges how many bytes with whom, as edges report it: for each user the heaviest peers, and
// every byte fades with time, so that what counts is what people do now.
//
// Bounded in users and in peers of each; beyond that newcomers are not seen until others have
// faded. Both ends of a conversation have it among their peers, unless it is too light for one.
//
// Times are Clock::Elapsed() and must not go back. Not thread-safe.
class TrafficGraph {
 public:
  struct Options {
    absl::Duration half_life = absl::Minutes(15);
    size_t users_max = 1'000'000;  // Some 200 bytes each.
    int peers_max = 16;
  };
  using User = uint32_t;
  static constexpr User kNobody = ~User{0};
  static constexpr double kForgottenBytes = 64;  // A conversation that faded to this is none.

  struct Peer {
    User user = kNobody;
    float weight =
        0;  // Bytes() makes bytes of it; weights of one moment may be compared and added.
  };

  explicit TrafficGraph(const Options& options) : options_(options) {}

  // `a` and `b` have exchanged `bytes` now. What one says to oneself is ignored.
  void Add(absl::string_view a, absl::string_view b, double bytes, absl::Duration now);

  // Forgets what has faded; does nothing most of the time. Users keep their number until then.
  void Sweep(absl::Duration now);

  // kNobody if nothing is known.
  User Find(absl::string_view name) const;
  const std::string& NameOf(User user) const { return slots_[user].name; }
  absl::Span<const Peer> PeersOf(User user) const { return slots_[user].peers; }

  // What is left of weights of this sum now.
  double Bytes(double weight, absl::Duration now) const;

  // All users have a number below this; some numbers are nobody's and have no peers.
  User end() const { return static_cast<User>(slots_.size()); }
  size_t users() const { return users_.size(); }

 private:
  struct Slot {
    std::string name;  // Empty: free.
    std::vector<Peer> peers;
  };
  // kNobody when full.
  User Intern(absl::string_view name);
  void AddPeer(User of, User peer, float weight);
  double Inflation(absl::Duration now) const;

  const Options options_;
  absl::flat_hash_map<std::string, User> users_;
  std::vector<Slot> slots_;
  std::vector<User> free_;
  // Weights are bytes times 2^((when they came - this) / half_life): so they all fade by standing
  // still.
  absl::Duration base_;
  bool has_base_ = false;
  absl::Duration swept_;
};

}  // namespace convergia::mgmt
