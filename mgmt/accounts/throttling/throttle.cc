#include "mgmt/accounts/throttling/throttle.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace convergia::mgmt {
namespace {

// Names hold no blank.
std::string PairKey(const Username& user, absl::string_view address) {
  return absl::StrCat(user.str(), " ", AddressGroup(address));
}

}  // namespace

SignInThrottle::SignInThrottle(const Rules& rules)
    : by_address_(rules.address), by_account_and_network_(rules.account_and_network) {}

absl::Status SignInThrottle::Admit(const Username& user, absl::string_view address, bool known,
                                   absl::Duration now) const {
  absl::MutexLock lock(&mu_);
  absl::Duration wait = by_address_.Wait(address, now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many failed sign-ins from your address", wait);
  }
  if (known) return absl::OkStatus();
  wait = by_account_and_network_.Wait(PairKey(user, address), now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many failed sign-ins to this account from your network", wait);
  }
  return absl::OkStatus();
}

void SignInThrottle::OnFailure(const Username& user, absl::string_view address,
                               absl::Duration now) {
  absl::MutexLock lock(&mu_);
  by_address_.Add(address, now);
  by_account_and_network_.Add(PairKey(user, address), now);
}

absl::Status AccountThrottle::Admit(const Username& user, absl::Duration now) {
  absl::MutexLock lock(&mu_);
  const absl::Duration wait = tries_.Wait(user.str(), now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many changes of this account's password", wait);
  }
  tries_.Add(user.str(), now);
  return absl::OkStatus();
}

}  // namespace convergia::mgmt
