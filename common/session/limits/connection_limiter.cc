#include "common/session/limits/connection_limiter.h"

#include <glog/logging.h>

#include <asio/ip/address.hpp>

namespace convergia::session {
namespace {

// Up to this multiple of the bound, connections are told why they are closed. Beyond it they are
// closed without a word, so that a flood costs little.
constexpr int kToldPerAddressFactor = 2;

std::string KeyOf(absl::string_view address) {
  asio::error_code error;
  const asio::ip::address parsed = asio::ip::make_address(std::string(address), error);
  if (error || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return std::string(address);
  const auto bytes = parsed.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

}  // namespace

ConnectionLimiter::Welcome ConnectionLimiter::Arrive(absl::string_view address) {
  const std::string key = KeyOf(address);
  absl::MutexLock lock(&mu_);
  if (connections_ >= bounds_.connections_max) return Welcome::kClose;
  Counts& counts = counts_[key];
  const int max = bounds_.unauthenticated_per_address_max;
  if (counts.unauthenticated >= kToldPerAddressFactor * max) return Welcome::kClose;
  ++connections_;
  return ++counts.unauthenticated > max ? Welcome::kTellAndClose : Welcome::kYes;
}

bool ConnectionLimiter::SignIn(absl::string_view address) {
  const std::string key = KeyOf(address);
  absl::MutexLock lock(&mu_);
  Counts& counts = counts_[key];
  if (counts.signed_in >= bounds_.signed_in_per_address_max) return false;
  --counts.unauthenticated;
  ++counts.signed_in;
  ++signed_in_;
  return true;
}

void ConnectionLimiter::SignOut(absl::string_view address) {
  const std::string key = KeyOf(address);
  absl::MutexLock lock(&mu_);
  Counts& counts = counts_[key];
  ++counts.unauthenticated;
  --counts.signed_in;
  --signed_in_;
}

void ConnectionLimiter::Leave(absl::string_view address, bool signed_in) {
  const std::string key = KeyOf(address);
  absl::MutexLock lock(&mu_);
  const auto found = counts_.find(key);
  CHECK(found != counts_.end());
  Counts& counts = found->second;
  --(signed_in ? counts.signed_in : counts.unauthenticated);
  if (counts.signed_in == 0 && counts.unauthenticated == 0) counts_.erase(found);
  if (signed_in) --signed_in_;
  --connections_;
}

int64_t ConnectionLimiter::connections() const {
  absl::MutexLock lock(&mu_);
  return connections_;
}

int64_t ConnectionLimiter::signed_in() const {
  absl::MutexLock lock(&mu_);
  return signed_in_;
}

bool ConnectionLimiter::WaitUntilEmpty(absl::Duration timeout) const {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(this, &ConnectionLimiter::IsEmpty), timeout);
}

}  // namespace convergia::session
