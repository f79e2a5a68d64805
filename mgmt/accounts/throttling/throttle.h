#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/buckets.h"
#include "common/base/ids.h"

namespace convergia::mgmt {

// Slows down password guessing, before any hashing.
//
// Failures are counted by address, and by account and network. No count is by the account alone, so
// no stranger can lock its owner out. If the account signed in from a network before
// (KnownNetworks), only the address delays sign-ins from there.
//
// Thread-safe.
class SignInThrottle {
 public:
  struct Rules {
    BucketRule address = {50, absl::Seconds(5), 200, 100'000};
    BucketRule account_and_network = {10, absl::Seconds(30), 40, 200'000};
  };
  SignInThrottle() : SignInThrottle(Rules()) {}
  explicit SignInThrottle(const Rules& rules);

  // `known`: `user` signed in from this network before.
  //
  // Errors: FailCode::kRate, saying how long to wait.
  absl::Status Admit(const Username& user, absl::string_view address, bool known,
                     absl::Duration now) const ABSL_LOCKS_EXCLUDED(mu_);

  void OnFailure(const Username& user, absl::string_view address, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  AddressBuckets by_address_ ABSL_GUARDED_BY(mu_);
  Buckets by_account_and_network_ ABSL_GUARDED_BY(mu_);
};

// Bounds how often each account's password may be tried to be changed, right or wrong: each try is
// two hashes. Thread-safe.
class AccountThrottle {
 public:
  explicit AccountThrottle(const BucketRule& rule) : tries_(rule) {}

  // Counts one try. Errors: FailCode::kRate, and it is not counted.
  absl::Status Admit(const Username& user, absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  Buckets tries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
