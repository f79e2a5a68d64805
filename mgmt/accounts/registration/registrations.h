#pragma once

#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/buckets.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

namespace convergia::mgmt {

// The account that a registration asks for. The destructor wipes the password from memory.
struct WantedAccount {
  WantedAccount(Username user, std::string password, std::string invite = "");
  WantedAccount(WantedAccount&&) = default;
  WantedAccount& operator=(WantedAccount&&) = default;
  ~WantedAccount();

  Username user;
  std::string password;
  std::string invite;
};

// Requests for an account that wait for the text of their captcha. They are only in memory: a
// request lives for a minute. It reserves nothing: two requests may ask for one name, and the first
// that is confirmed gets it.
//
// A request can be taken once, with a right or a wrong answer. Only a keyed hash of the right
// answer is kept. Times are Clock::Elapsed(). Thread-safe.
class Registrations {
 public:
  struct Options {
    size_t pending_max = limits::kPendingRegistrationsMax;
    absl::Duration lifetime = limits::kCaptchaLifetime;
    // New requests of one address; a site's IPv6 /48 has eight times as many.
    BucketRule per_address = {30, absl::Seconds(10), 60, 100'000};
    // Of all addresses together. So many addresses do not give a bot more pictures to learn from.
    BucketRule in_all = {1'000, absl::Seconds(1), 1'300, 1};
  };
  Registrations() : Registrations(Options()) {}
  explicit Registrations(const Options& options);

  // OK if `address` may ask now; counts the request. Call it before the captcha is drawn.
  //
  // Errors: FailCode::kRate with the wait; kBusy if too many requests are pending.
  absl::Status Admit(absl::string_view address, absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps a request and returns its id.
  //
  // Errors: FailCode::kBusy as Admit().
  absl::StatusOr<std::string> Add(WantedAccount wanted, absl::string_view captcha_text,
                                  absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

  // Removes the request with `id` and returns it if `answer` is right. `answer` may differ from the
  // captcha in case and spaces.
  //
  // Errors: FailCode::kNotFound: no such request, or already used. kExpired: too late.
  // kWrongCaptcha.
  absl::StatusOr<WantedAccount> Take(absl::string_view id, absl::string_view answer,
                                     absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending {
    WantedAccount wanted;
    std::string answer_hash;
    absl::Duration asked;
  };
  std::string HashAnswer(absl::string_view id, absl::string_view answer) const;
  void ForgetOld(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const std::string hash_key_;  // Without it, a short word could be guessed from its hash.

  absl::Mutex mu_;
  AddressBuckets asked_by_address_ ABSL_GUARDED_BY(mu_);
  Buckets asked_in_all_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Pending> pending_ ABSL_GUARDED_BY(mu_);
  std::deque<std::pair<absl::Duration, std::string>> order_ ABSL_GUARDED_BY(mu_);  // (asked, id)
};

}  // namespace convergia::mgmt
