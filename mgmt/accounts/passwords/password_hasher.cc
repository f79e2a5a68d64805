#include "mgmt/accounts/passwords/password_hasher.h"

#include <glog/logging.h>
#include <sodium.h>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/random.h"

namespace convergia::mgmt {
namespace {

std::string HashOrDie(const PasswordHasher::Cost& cost, absl::string_view password) {
  CHECK_GE(sodium_init(), 0) << "libsodium cannot start";
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  CHECK_EQ(crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), cost.operations,
                                 cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13),
           0)
      << "no memory for one password hash";
  return hash.c_str();
}

}  // namespace

absl::Status ValidatePassword(absl::string_view password) {
  if (password.size() < limits::kPasswordBytesMin || password.size() > limits::kPasswordBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("a password has ", limits::kPasswordBytesMin,
                                                  " to ", limits::kPasswordBytesMax, " bytes"));
  }
  if (password.find_first_of("\t\r\n") != absl::string_view::npos) {
    return Fail(FailCode::kBadField, "a password holds no TAB, CR or LF; choose another");
  }
  return absl::OkStatus();
}

PasswordHasher::PasswordHasher(const Cost& cost)
    : cost_(cost), nobody_(HashOrDie(cost, SecureRandomHex(16))) {}

absl::StatusOr<std::string> PasswordHasher::Hash(absl::string_view password) const {
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str_alg(hash, password.data(), password.size(), cost_.operations,
                            cost_.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Fail(FailCode::kBusy, "the management server is short of memory; try again later");
  }
  return std::string(hash);
}

bool PasswordHasher::Verify(absl::string_view hash, absl::string_view password) const {
  const std::string text(hash);
  return crypto_pwhash_str_verify(text.c_str(), password.data(), password.size()) == 0;
}

bool PasswordHasher::VerifyNobody(absl::string_view password) const {
  (void)Verify(nobody_, password);
  return false;
}

}  // namespace convergia::mgmt
