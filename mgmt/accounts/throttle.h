#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace convergia::mgmt {

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

// Slows down password guessing, before any hashing.
//
// Failures are counted by address and by account. The count of an account delays only addresses
// from which that account never signed in, so strangers cannot lock its owner out.
//
// Thread-safe.
class SignInThrottle {
 public:
  struct Rules {
    BucketRule address = {50, absl::Seconds(5), 200, 100'000};
    BucketRule account = {10, absl::Seconds(30), 40, 100'000};
    size_t known_max = 200'000;  // (account, address) pairs remembered.
  };
  SignInThrottle() : SignInThrottle(Rules()) {}
  explicit SignInThrottle(const Rules& rules);

  // Errors: FailCode::kRate, saying how long to wait.
  absl::Status Admit(const Username& user, absl::string_view address, absl::Duration now) const
      ABSL_LOCKS_EXCLUDED(mu_);

  void OnFailure(const Username& user, absl::string_view address, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnSuccess(const Username& user, absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t known_max_;

  mutable absl::Mutex mu_;
  Buckets by_address_ ABSL_GUARDED_BY(mu_);
  Buckets by_account_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<std::pair<std::string, std::string>> known_ ABSL_GUARDED_BY(mu_);
  std::list<std::pair<std::string, std::string>> known_order_ ABSL_GUARDED_BY(mu_);
};

// "try again in 20 s", as a FAIL RATE.
absl::Status RateFail(absl::string_view what, absl::Duration wait);

}  // namespace convergia::mgmt
