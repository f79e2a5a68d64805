#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia {

// How many events of one key are free, and how fast they are forgiven.
struct BucketRule {
  double burst = 0;              // Events that are free at once.
  absl::Duration forgiven_each;  // Then one further event per this time.
  double level_max = 0;          // Bounds the wait to (level_max - burst) times forgiven_each.
  size_t keys_max = 0;           // Past it the least recently used key is forgotten.
};

// A leaky bucket for each key. Times are arguments and must not go back. Not thread-safe.
class Buckets {
 public:
  explicit Buckets(const BucketRule& rule) : rule_(rule) {}

  // The time until `key` has room for one further event; zero if it has room now.
  absl::Duration Wait(absl::string_view key, absl::Duration now) const;

  // Counts one event of `key`.
  void Add(absl::string_view key, absl::Duration now);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    double level = 0;
    absl::Duration at;
    std::list<std::string>::iterator place;  // In order_.
  };
  double LevelAt(const Entry& entry, absl::Duration now) const;

  const BucketRule rule_;
  absl::flat_hash_map<std::string, Entry> entries_;
  std::list<std::string> order_;  // Touched longest ago first.
};

// The part of an address that one subscriber holds: IPv4 whole, IPv6 its /64. Anything else as is.
std::string AddressGroup(absl::string_view address);

// The part of an address that one site holds: IPv6 its /48; anything else as AddressGroup().
std::string WideAddressGroup(absl::string_view address);

// "try again in 20 s", as a FAIL RATE.
absl::Status RateFail(absl::string_view what, absl::Duration wait);

// Buckets by address on two levels: one for each subscriber, and one for each site, which has eight
// times as much. So the many IPv6 subnets of a site do not multiply its budget. Not thread-safe.
class AddressBuckets {
 public:
  static constexpr int kWideFactor = 8;

  explicit AddressBuckets(const BucketRule& rule);

  // The longer wait of the two.
  absl::Duration Wait(absl::string_view address, absl::Duration now) const;
  void Add(absl::string_view address, absl::Duration now);

 private:
  Buckets narrow_;
  Buckets wide_;
};

// Failures by address. An address with too many is refused before its next try costs anything.
// Thread-safe.
class AddressThrottle {
 public:
  // `what` is the beginning of the error's text.
  AddressThrottle(const BucketRule& rule, std::string what)
      : what_(std::move(what)), failures_(rule) {}

  // Errors: FailCode::kRate, saying how long to wait.
  absl::Status Admit(absl::string_view address, absl::Duration now) const ABSL_LOCKS_EXCLUDED(mu_);
  void OnFailure(absl::string_view address, absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::string what_;
  mutable absl::Mutex mu_;
  AddressBuckets failures_ ABSL_GUARDED_BY(mu_);
};

// Of tickets that are not good, as edges and mgmt count them. A ticket is an Ed25519 verification,
// about 0.1 ms: a burst costs 10 ms, and then 1 in 1,000 of a core.
inline constexpr char kBadTickets[] = "too many bad tickets from your address";
inline BucketRule BadTicketsRule() { return {100, absl::Seconds(1), 160, 100'000}; }

}  // namespace convergia
