#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia::session {

// Who is connected from where, and how many may be. Thread-safe.
//
// An address is the text of an IPv4 address, or of an IPv6 one without its zone; of the latter only
// the first 64 bits count, which is what one customer gets.
class ConnectionLimiter {
 public:
  struct Bounds {
    int unauthenticated_per_address_max = 0;
    int signed_in_per_address_max = 0;
    int64_t connections_max = 0;
  };
  enum class Welcome {
    kYes,
    kTellAndClose,  // Over a bound, but few enough to be told so.
    kClose,         // Not even that.
  };

  explicit ConnectionLimiter(const Bounds& bounds) : bounds_(bounds) {}

  // A connection has come. Unless the answer is kClose, Leave() must follow.
  Welcome Arrive(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  // One of them wants to be signed in; false: too many are, and nothing changes.
  bool SignIn(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes SignIn() back.
  void SignOut(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  void Leave(absl::string_view address, bool signed_in) ABSL_LOCKS_EXCLUDED(mu_);

  int64_t connections() const ABSL_LOCKS_EXCLUDED(mu_);
  int64_t signed_in() const ABSL_LOCKS_EXCLUDED(mu_);
  // False if somebody was still there after `timeout` (real time).
  bool WaitUntilEmpty(absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Counts {
    int unauthenticated = 0;
    int signed_in = 0;
  };
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return connections_ == 0; }

  const Bounds bounds_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, Counts> counts_ ABSL_GUARDED_BY(mu_);
  int64_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t signed_in_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::session
