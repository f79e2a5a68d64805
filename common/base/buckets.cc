#include "common/base/buckets.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia {

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

namespace {

std::string GroupOf(absl::string_view address, size_t ipv6_bytes) {
  unsigned char bytes[16];
  const std::string text(address);
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(bytes))) {
    return absl::StrCat(bytes[12], ".", bytes[13], ".", bytes[14], ".", bytes[15]);
  }
  return absl::StrCat(
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), ipv6_bytes)),
      "/", 8 * ipv6_bytes);
}

}  // namespace

std::string AddressGroup(absl::string_view address) { return GroupOf(address, 8); }
std::string WideAddressGroup(absl::string_view address) { return GroupOf(address, 6); }

absl::Status RateFail(absl::string_view what, absl::Duration wait) {
  const auto seconds = static_cast<int64_t>(std::ceil(absl::ToDoubleSeconds(wait)));
  return Fail(FailCode::kRate, absl::StrCat(what, "; try again in ", seconds, " s"));
}

AddressBuckets::AddressBuckets(const BucketRule& rule)
    : narrow_(rule),
      wide_({.burst = kWideFactor * rule.burst,
             .forgiven_each = rule.forgiven_each / kWideFactor,
             .level_max = kWideFactor * rule.level_max,
             .keys_max = rule.keys_max}) {}

absl::Duration AddressBuckets::Wait(absl::string_view address, absl::Duration now) const {
  return std::max(narrow_.Wait(AddressGroup(address), now),
                  wide_.Wait(WideAddressGroup(address), now));
}

void AddressBuckets::Add(absl::string_view address, absl::Duration now) {
  narrow_.Add(AddressGroup(address), now);
  wide_.Add(WideAddressGroup(address), now);
}

absl::Status AddressThrottle::Admit(absl::string_view address, absl::Duration now) const {
  absl::MutexLock lock(&mu_);
  const absl::Duration wait = failures_.Wait(address, now);
  return wait > absl::ZeroDuration() ? RateFail(what_, wait) : absl::OkStatus();
}

void AddressThrottle::OnFailure(absl::string_view address, absl::Duration now) {
  absl::MutexLock lock(&mu_);
  failures_.Add(address, now);
}

}  // namespace convergia
