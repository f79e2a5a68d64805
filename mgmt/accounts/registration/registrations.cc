#include "mgmt/accounts/registration/registrations.h"

#include <sodium.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"

namespace convergia::mgmt {
namespace {

constexpr size_t kIdBytes = 12;
constexpr absl::string_view kAll = "all";

// Requests are kept this much longer than they are good for, so that those who come late hear why.
constexpr int kKeptLifetimes = 3;

// People may type the word in either case, perhaps with spaces.
std::string Folded(absl::string_view answer) {
  std::string folded;
  for (const char c : answer) {
    if (!absl::ascii_isspace(c)) folded.push_back(absl::ascii_tolower(c));
  }
  return folded;
}

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

WantedAccount::WantedAccount(Username wanted_user, std::string wanted_password,
                             std::string wanted_invite)
    : user(std::move(wanted_user)),
      password(std::move(wanted_password)),
      invite(std::move(wanted_invite)) {}

WantedAccount::~WantedAccount() {
  if (!password.empty()) sodium_memzero(password.data(), password.size());
}

Registrations::Registrations(const Options& options)
    : options_(options),
      hash_key_(SecureRandomBytes(crypto_generichash_KEYBYTES)),
      asked_by_address_(options.per_address),
      asked_in_all_(options.in_all) {}

std::string Registrations::HashAnswer(absl::string_view id, absl::string_view answer) const {
  const std::string message = absl::StrCat(id, "\n", Folded(answer));
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), Bytes(message),
                     message.size(), Bytes(hash_key_), hash_key_.size());
  return hash;
}

void Registrations::ForgetOld(absl::Duration now) {
  while (!order_.empty() && now - order_.front().first > kKeptLifetimes * options_.lifetime) {
    pending_.erase(order_.front().second);
    order_.pop_front();
  }
}

absl::Status Registrations::Admit(absl::string_view address, absl::Duration now) {
  absl::MutexLock lock(&mu_);
  absl::Duration wait = asked_by_address_.Wait(address, now);
  if (wait > absl::ZeroDuration()) {
    return RateFail("too many registrations from your address", wait);
  }
  wait = asked_in_all_.Wait(kAll, now);
  if (wait > absl::ZeroDuration()) return RateFail("too many registrations", wait);
  ForgetOld(now);
  if (order_.size() >= options_.pending_max) {
    return Fail(FailCode::kBusy, "too many people are registering now; try again in a minute");
  }
  asked_by_address_.Add(address, now);
  asked_in_all_.Add(kAll, now);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Registrations::Add(WantedAccount wanted, absl::string_view captcha_text,
                                               absl::Duration now) {
  std::string id = SecureRandomHex(kIdBytes);
  std::string hash = HashAnswer(id, captcha_text);
  absl::MutexLock lock(&mu_);
  ForgetOld(now);
  if (order_.size() >= options_.pending_max) {
    return Fail(FailCode::kBusy, "too many people are registering now; try again in a minute");
  }
  pending_.emplace(id, Pending{std::move(wanted), std::move(hash), now});
  order_.emplace_back(now, id);
  return id;
}

absl::StatusOr<WantedAccount> Registrations::Take(absl::string_view id, absl::string_view answer,
                                                  absl::Duration now) {
  const std::string hash = HashAnswer(id, answer);
  absl::MutexLock lock(&mu_);
  ForgetOld(now);
  auto node = pending_.extract(id);
  if (node.empty()) {
    return Fail(FailCode::kNotFound,
                "no such registration, or it was already used; begin again with REGISTERACCOUNT");
  }
  Pending& pending = node.mapped();
  if (now - pending.asked > options_.lifetime) {
    return Fail(FailCode::kExpired, "too late: a captcha is good for " +
                                        absl::FormatDuration(options_.lifetime) +
                                        "; begin again with REGISTERACCOUNT");
  }
  if (sodium_memcmp(hash.data(), pending.answer_hash.data(), hash.size()) != 0) {
    return Fail(FailCode::kWrongCaptcha,
                "that is not what the picture says; begin again with REGISTERACCOUNT");
  }
  return std::move(pending.wanted);
}

}  // namespace convergia::mgmt
