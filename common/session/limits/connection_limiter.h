#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia::session {

// Bounds the connections, in all and for each address. Thread-safe.
//
// An address is the text of an IPv4 address, or of an IPv6 address without its zone. Of IPv6 only
// the first 64 bits count, which is the usual prefix of one customer.
class ConnectionLimiter {
 public:
  struct Bounds {
    int unauthenticated_per_address_max = 0;
    int signed_in_per_address_max = 0;
    int64_t connections_max = 0;
  };
  enum class Welcome {
    kYes,
    kTellAndClose,  // Over its address's bound: say BUSY, then close.
    kClose,         // Too many in all, or far over its address's bound: close at once.
  };

  explicit ConnectionLimiter(const Bounds& bounds) : bounds_(bounds) {}

  // Counts a new connection. Unless this returns kClose, Leave() must follow.
  Welcome Arrive(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  // A counted connection wants to sign in. False, without effect, if too many are signed in.
  bool SignIn(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  // Undoes SignIn().
  void SignOut(absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);
  // The connection has closed. `signed_in`: it was signed in at its end.
  void Leave(absl::string_view address, bool signed_in) ABSL_LOCKS_EXCLUDED(mu_);

  int64_t connections() const ABSL_LOCKS_EXCLUDED(mu_);
  int64_t signed_in() const ABSL_LOCKS_EXCLUDED(mu_);
  // False if a connection was still there after `timeout` (real time).
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
