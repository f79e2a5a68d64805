#include "mgmt/accounts/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::mgmt {

double Buckets::LevelAt(const Entry& entry, absl::Duration now) const {
  const double leaked = absl::FDivDuration(now - entry.at, rule_.forgiven_each);
  return std::max(0.0, entry.level - std::max(0.0, leaked));
}

absl::Duration Buckets::Wait(absl::string_view key, absl::Duration now) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return absl::ZeroDuration();
  const double over = LevelAt(found->second, now) + 1 - rule_.burst;
  return over <= 0 ? absl::ZeroDuration() : over * rule_.forgiven_each;
}

void Buckets::Add(absl::string_view key, absl::Duration now) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= rule_.keys_max) {
      entries_.erase(order_.front());
      order_.pop_front();
    }
    order_.emplace_back(key);
    found = entries_.try_emplace(order_.back()).first;
    found->second.place = std::prev(order_.end());
  } else {
    order_.splice(order_.end(), order_, found->second.place);
  }
  Entry& entry = found->second;
  entry.level = std::min(LevelAt(entry, now) + 1, rule_.level_max);
  entry.at = now;
}

std::string AddressGroup(absl::string_view address) {
  unsigned char bytes[16];
  const std::string text(address);
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(bytes))) {
    return absl::StrCat(bytes[12], ".", bytes[13], ".", bytes[14], ".", bytes[15]);
  }
  return absl::StrCat(
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), 8)), "/64");
}

absl::Status RateFail(absl::string_view what, absl::Duration wait) {
  const auto seconds = static_cast<int64_t>(std::ceil(absl::ToDoubleSeconds(wait)));
  return Fail(FailCode::kRate, absl::StrCat(what, "; try again in ", seconds, " s"));
}

SignInThrottle::SignInThrottle(const Rules& rules)
    : known_max_(rules.known_max), by_address_(rules.address), by_account_(rules.account) {}

absl::Status SignInThrottle::Admit(const Username& user, absl::string_view address,
                                   absl::Duration now) const {
  const std::string group = AddressGroup(address);
  absl::MutexLock lock(&mu_);
  absl::Duration wait = by_address_.Wait(group, now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many failed sign-ins from your address", wait);
  }
  if (known_.contains(std::make_pair(user.str(), group))) return absl::OkStatus();
  wait = by_account_.Wait(user.str(), now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many failed sign-ins to this account", wait);
  }
  return absl::OkStatus();
}

void SignInThrottle::OnFailure(const Username& user, absl::string_view address,
                               absl::Duration now) {
  const std::string group = AddressGroup(address);
  absl::MutexLock lock(&mu_);
  by_address_.Add(group, now);
  by_account_.Add(user.str(), now);
}

void SignInThrottle::OnSuccess(const Username& user, absl::string_view address) {
  auto pair = std::make_pair(user.str(), AddressGroup(address));
  absl::MutexLock lock(&mu_);
  if (!known_.insert(pair).second) return;
  known_order_.push_back(std::move(pair));
  if (known_order_.size() > known_max_) {
    known_.erase(known_order_.front());
    known_order_.pop_front();
  }
}

}  // namespace convergia::mgmt
