#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace convergia::mgmt {

// The bytes that users exchange with one another, as edges report them: for each user the heaviest
// peers. Weights decay with a half-life, so recent traffic counts.
//
// Bounded in users, and in peers of each user. When full, new ones are not added until others have
// decayed. Both ends of a conversation list each other, unless it is too light for one of them.
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
  static constexpr double kForgottenBytes = 64;  // A conversation below this is forgotten.

  struct Peer {
    User user = kNobody;
    float weight =
        0;  // Bytes() makes bytes of it; weights of one moment may be compared and added.
  };

  explicit TrafficGraph(const Options& options) : options_(options) {}

  // `a` and `b` have exchanged `bytes` now. Ignored if both are the same user.
  void Add(absl::string_view a, absl::string_view b, double bytes, absl::Duration now);

  // Forgets decayed conversations; does nothing most of the time. Users keep their number until
  // then.
  void Sweep(absl::Duration now);

  // kNobody if nothing is known.
  User Find(absl::string_view name) const;
  const std::string& NameOf(User user) const { return slots_[user].name; }
  absl::Span<const Peer> PeersOf(User user) const { return slots_[user].peers; }

  // The bytes that weights of this sum are worth now.
  double Bytes(double weight, absl::Duration now) const;

  // All users have a number below this; some numbers are free and have no peers.
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
  // Weights are bytes times 2^((time of arrival - base_) / half_life). So stored weights need no
  // update to decay: only the factor of the present time grows.
  absl::Duration base_;
  bool has_base_ = false;
  absl::Duration swept_;
};

}  // namespace convergia::mgmt
